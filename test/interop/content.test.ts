import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { lovage, type App, type GivenSettings } from '../../src/index.ts'
import { canPack, COMPRESSIONS, pack, type Compression } from '../../src/protocol/compression.ts'
import { deserialize, serialize, type Serializer } from '../../src/protocol/serializer.ts'
import { worker, type Worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { PYTHON, startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const SCRIPT = new URL('content-app.py', import.meta.url)
const FILES = { 'content.py': readFileSync(SCRIPT, 'utf8') }

interface Able {
  readonly serializers: readonly Serializer[]
  readonly compressions: readonly string[]
}

const python = (args: readonly string[], input = ''): string =>
  execFileSync(PYTHON, [SCRIPT.pathname, ...args], { encoding: 'utf8', input, maxBuffer: 64 * 2 ** 20 })

/** What Python can here. */
const theirs: Able = available('celery')
  ? (JSON.parse(python(['able'])) as Able)
  : { serializers: [], compressions: [] }
const bothPack = COMPRESSIONS.filter((name) => canPack(name) && theirs.compressions.includes(name))
const theyPack = ['gzip', 'zlib', 'bzip2', 'brotli', 'zstd'].filter((name) => theirs.compressions.includes(name))

/** Values that JSON, msgpack and YAML hold alike: a float that is a whole number beyond 2^53 is none. */
const plain = fc
  .jsonValue({ noUnicodeString: false })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll(/-?\d{16,}(?![.e])/g, '7')) as unknown)
  .filter((value) => !JSON.stringify(value).includes('__'))

describeWith(['celery'], 'bodies', () => {
  test('mean to Python what they mean here, and the other way round, in every form there is', () => {
    const values = [
      ...fc.sample(plain, { seed: 6, numRuns: 120 }),
      [
        'yes',
        'no',
        'on',
        'null',
        '~',
        '012',
        '1e3',
        '1.e+3',
        'y',
        'N',
        '09',
        '2024-1-2',
        '-190:20:30',
        '.5',
        '0x1f',
        '1_000',
        '2024-01-02',
        '12:30:45',
        '=',
        '<<',
        '',
        ' ',
        '.nan',
      ],
      [
        "it's",
        '"',
        'a: b',
        '- a',
        '# no',
        '\t',
        '\n\n',
        'line\r\nline',
        '\u0085',
        '\u2028',
        '😀',
        '%',
        '@',
        '`',
        '? x',
      ],
      [2 ** 53 - 1, -(2 ** 53 - 1), 0, -1, 255, 65_536, 0.1, 1e-7, 1e100, true, false, null],
    ]
    const packings = [undefined, ...bothPack] as const
    const cases = values.flatMap((value, at) =>
      theirs.serializers.map((serializer, turn) => {
        const packing: Compression | undefined = packings[(at + turn) % packings.length]
        const { body, contentType, contentEncoding } = serialize(value, serializer)
        const packed = packing ? pack(body, packing) : { body, compression: null }
        return {
          value,
          json: JSON.stringify(value),
          serializer,
          type: contentType,
          encoding: contentEncoding,
          compression: packed.compression,
          body: Buffer.from(packed.body).toString('base64'),
          pack: theyPack[at % theyPack.length],
        }
      }),
    )
    const lines = python(['convert'], cases.map((one) => `${JSON.stringify(one)}\n`).join(''))
      .trimEnd()
      .split('\n')
    expect(lines.at(-1)).toBe('DONE')
    const answers = lines.slice(0, -1).map((line) => JSON.parse(line.slice('ANSWER '.length)) as Answer)
    expect(answers).toHaveLength(cases.length)
    expect(cases.filter((_, at) => !answers[at]?.same).map(({ json, serializer }) => [serializer, json])).toEqual([])
    for (const [at, { type: contentType, compression, body, encoding }] of answers.entries()) {
      const one = cases[at] as (typeof cases)[number]
      expect([contentType, encoding]).toEqual([one.type, one.encoding])
      const content = { contentType, compression: compression ?? undefined, body: Buffer.from(body, 'base64') }
      const value = deserialize(content, { accept: [one.serializer] })
      expect(value, `${one.serializer} ${one.json}`).toEqual(one.value)
    }
  })
})

interface Answer {
  readonly same: boolean
  readonly type: string
  readonly encoding: string
  readonly compression: string | null
  readonly body: string
}

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

const VALUE = { text: 'žluť 😀 no', list: [1, [2, null], {}], float: 0.5, true: true }

const PLACES: readonly [string, readonly Need[], () => Promise<Pick<GivenSettings, 'broker' | 'backend'>>][] = [
  ['RabbitMQ and rpc', ['rabbitmq'], async () => ({ broker: await brokerUrl(import.meta.url), backend: 'rpc://' })],
  [
    'RabbitMQ with results in Redis',
    ['rabbitmq', 'redis'],
    async () => ({ broker: await brokerUrl(import.meta.url), backend: redis.url(2) }),
  ],
  ['Redis', ['redis'], async () => ({ broker: redis.url(0), backend: redis.url(1) })],
]

for (const [name, needs, meet] of PLACES) {
  describeWith([...needs, 'celery'], `tasks and results in other forms over ${name}`, () => {
    const ends: (() => Promise<unknown>)[] = []
    afterAll(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })

    const accept = [...theirs.serializers]
    const open = async (settings: GivenSettings): Promise<App> => {
      const app = lovage('content', {
        ...PATIENT,
        ...(await meet()),
        acceptContent: accept,
        jsonTypes: 'plain',
        ...settings,
      })
      ends.push(() => app.close())
      return app
    }
    const envOf = async (more: Record<string, string>): Promise<Record<string, string>> => {
      const { broker = '', backend = '' } = await meet()
      return { BROKER: broker, BACKEND: backend, ...more }
    }

    test.each(theirs.serializers)(
      'Python calls our task in every form, and reads its results in %s',
      async (form) => {
        const app = await open({ resultSerializer: form, defaultQueue: `ours-${form}` })
        app.task('ts.echo', (value: unknown) => value)
        const ours: Worker = worker(app, { concurrency: 4 })
        await ours.start()
        ends.push(() => ours.stop())
        const env = await envOf({ QUEUE: `ours-${form}`, RESULT_SERIALIZER: form })
        const caller = startPython(['content.py', 'call', theyPack.join(',')], { files: FILES, env })
        const refused = await caller.line(/^REFUSED /, { timeoutMs: 90_000 })
        const called = caller.lines.filter((line) => line.startsWith('CALLED '))
        const forms = theirs.serializers.flatMap((serializer) =>
          [null, ...theyPack].map((each) => [serializer, each, true]),
        )
        expect(called.map((line) => JSON.parse(line.slice('CALLED '.length)) as unknown)).toEqual(forms)
        // Pickle is named with who sent it.
        expect(refused).toMatch(/application\/x-python-serialize \(sent by gen\d+@/)
        await caller.ended()
      },
      120_000,
    )

    test.each(theirs.serializers)(
      'a Python worker that answers in %s runs what we send in every form',
      async (form) => {
        const queue = `theirs-${form}`
        const app = await open({ resultSerializer: form })
        const args = ['-m', 'celery', '-A', 'content', 'worker', '-c', '1', '-P', 'solo', '-Q', queue, '-l', 'INFO']
        const env = await envOf({ QUEUE: queue, RESULT_SERIALIZER: form })
        const child = startPython(args, { files: FILES, env })
        ends.push(() => child.kill())
        await child.line(/ ready\./, { timeoutMs: 60_000 })
        for (const serializer of theirs.serializers) {
          for (const compression of [undefined, ...bothPack]) {
            const options = { queue, serializer, ...(compression && { compression }) }
            const seen = await app.sendTask('py.echo', [VALUE], { named: 1 }, options).get({ timeout: '60s' })
            expect(seen).toEqual({ args: [VALUE], kwargs: { named: 1 } })
          }
        }
        const failing = app.sendTask('py.fail', [], {}, { queue }).get({ timeout: '60s' })
        await expect(failing).rejects.toMatchObject({ excType: 'ValueError', excArgs: ['no such value: ä'] })
      },
      120_000,
    )
  })
}
