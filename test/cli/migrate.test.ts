import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveSettings } from '../../src/app/settings.ts'
import { settingName } from '../../src/cli/migrate/celery-names.ts'
import { convert, settingsOf } from '../../src/cli/migrate/convert.ts'
import type { CeleryConfig, PythonValue } from '../../src/cli/migrate/python-value.ts'
import { readLiterals } from '../../src/cli/migrate/read-literals.ts'
import { readWithPython } from '../../src/cli/migrate/read-with-python.ts'
import { settingsModule } from '../../src/cli/migrate/settings-module.ts'
import { available } from '../services/available.ts'
import { PYTHON } from '../services/python.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { ROOT, run, write } from './lovage.ts'

const EXAMPLE = join(ROOT, 'examples/route-check/celeryconfig.py')
const example = readFileSync(EXAMPLE, 'utf8')

/** What a text becomes, without running it. */
function migrated(text: string, prefix?: string): { settings: Record<string, unknown>; notes: string[] } {
  const to = convert(readLiterals(text), prefix)
  const notes = to.notes.map(({ name, text: said }) => (name === undefined ? said : `${name} ${said}`))
  return { settings: settingsOf(to), notes: notes.filter((note) => !/^The file (?:names no|does not set)/.test(note)) }
}

async function withPython(text: string): Promise<CeleryConfig> {
  const folder = temporaryFolder('celeryconfig')
  write(folder, { 'celeryconfig.py': text })
  const answer = await readWithPython(PYTHON, join(folder, 'celeryconfig.py'))
  if ('problem' in answer) throw new Error(answer.problem)
  return answer.config
}

describe('the example', () => {
  test('has in settings.ts what the command prints', async () => {
    const { settings } = migrated(example)
    const written = readFileSync(join(ROOT, 'examples/route-check/settings.ts'), 'utf8')
    const printed = settingsModule(settings, 'celeryconfig.py')
    expect(printed.replaceAll(/\s+/g, '').replaceAll(',}', '}').replaceAll(',]', ']')).toBe(
      written.replaceAll(/\s+/g, '').replaceAll(',}', '}').replaceAll(',]', ']'),
    )
  })

  test('is read as text as Python reads it', async ({ skip }) => {
    if (!available('celery')) skip()
    const evaluated = settingsOf(convert(await withPython(example)))
    expect(settingsModule(evaluated, 'x')).toBe(settingsModule(migrated(example).settings, 'x'))
  })

  test('makes settings that are taken', () => {
    const { settings, notes } = migrated(example)
    const worker = { ...(settings.worker as object), concurrency: 1 }
    const resolved = resolveSettings({ ...settings, worker }, { env: {} })
    expect(resolved).toMatchObject({
      publishTimeoutMs: 45_000,
      timezone: 'Asia/Shanghai',
      acksLate: true,
      defaultExchange: 'common',
      defaultRoutingKey: 'common.check',
      worker: { prefetchMultiplier: 1, disableRateLimits: true },
    })
    expect([...resolved.queues.keys()]).toEqual(['common_check', 'common_report', 'common_archive', 'urgent_check'])
    expect(notes.filter((note) => note.includes('password'))).toHaveLength(2)
  })

  test('with results over amqp gets rpc, and is told so', () => {
    const changed = example.replace(/^CELERY_RESULT_BACKEND = .*$/m, "CELERY_RESULT_BACKEND = 'amqp://u:p@h/v'")
    const { settings, notes } = migrated(changed)
    expect(settings.backend).toBe('rpc://')
    expect(notes).toContainEqual(expect.stringMatching(/^CELERY_RESULT_BACKEND is amqp:\/\/.* it becomes rpc:\/\//))
  })
})

test('every old name of Celery’s is known by its new one', ({ skip }) => {
  if (!available('celery')) skip()
  const script = 'import json; from celery.app import defaults; print(json.dumps(defaults._TO_NEW_KEY))'
  const names = JSON.parse(execFileSync(PYTHON, ['-c', script], { encoding: 'utf8' })) as Record<string, string>
  expect(Object.keys(names).length).toBeGreaterThan(150)
  for (const [old, name] of Object.entries(names)) expect(settingName(old), old).toBe(name)
  for (const name of Object.values(names)) {
    expect([settingName(name), settingName(`CELERY_${name.toUpperCase()}`), settingName(`my_${name}`, 'MY')]).toEqual([
      name,
      name,
      name,
    ])
  }
})

test.each([
  ["broker_url = 'pyamqp://u:p@h//'", { broker: 'amqp://u:p@h//' }],
  [
    "broker_url = 'redis://h/1'\nbroker_transport_options = {'visibility_timeout': 600}",
    { broker: 'redis://h/1?visibility_timeout=600' },
  ],
  [
    "BROKER_HOST = 'h'\nBROKER_PORT = 5673\nBROKER_USER = 'u'\nBROKER_PASSWORD = 'p/w'\nBROKER_VHOST = 'v'",
    { broker: 'amqp://u:p%2Fw@h:5673/v' },
  ],
  [
    "CELERY_RESULT_BACKEND = 'redis'\nCELERY_REDIS_HOST = 'h'\nCELERY_REDIS_PASSWORD = 's'\nCELERY_REDIS_DB = 4",
    { backend: 'redis://:s@h:6379/4' },
  ],
  ["result_backend = 'rpc://'", { backend: 'rpc://' }],
  ['result_expires = timedelta(hours=36)', { resultExpires: '36h' }],
  ['result_expires = 90.5', { resultExpires: '90500ms' }],
  [
    "task_serializer = 'msgpack'\naccept_content = ['json', 'msgpack']",
    { taskSerializer: 'msgpack', acceptContent: ['json', 'msgpack'] },
  ],
  [
    "task_queues = {'a': {'exchange': 'x', 'exchange_type': 'topic', 'binding_key': 'a.#'}}",
    { queues: { a: { exchange: { name: 'x', type: 'topic' }, routingKey: 'a.#' } } },
  ],
  [
    "task_queues = [Queue('a', max_priority=5, expires=60, queue_arguments={'x-queue-mode': 'lazy'}), Broadcast('news')]",
    {
      queues: [
        { name: 'a', maxPriority: 5, expires: 60_000, arguments: { 'x-queue-mode': 'lazy' } },
        { broadcast: 'news' },
      ],
    },
  ],
  [
    "task_routes = ({'a.*': 'x'}, {'b': {'exchange': 'e', 'routing_key': 'k', 'priority': 3}})",
    { routes: [{ 'a.*': 'x' }, { b: { exchange: 'e', routingKey: 'k', priority: 3 } }] },
  ],
  [
    'CELERYD_TASK_TIME_LIMIT = 60 * 5\nCELERYD_MAX_MEMORY_PER_CHILD = 2',
    { worker: { timeLimit: '5m', maxMemoryPerChild: 2048 } },
  ],
  ["name = 'h'\nbroker_url = f'redis://{name}/' + '%d' % 3", { broker: 'redis://h/3' }],
] as const)('%s', (text, settings) => {
  const { settings: made, notes } = migrated(text)
  expect({ settings: made, notes: notes.filter((note) => !note.includes('has a password')) }).toEqual({
    settings,
    notes: [],
  })
})

test.each([
  ['CELERYD_CONCURRENCY = cpu_count()', 'availableParallelism()'],
  ['CELERYD_CONCURRENCY = cpu_count() / 2', 'Math.max(1, Math.floor(availableParallelism() / 2))'],
  ['CELERYD_CONCURRENCY = max(1, cpu_count() // 3)', 'Math.max(1, Math.floor(availableParallelism() / 3))'],
  ['CELERYD_CONCURRENCY = int(cpu_count() * 1.5) + 1', 'Math.max(1, Math.floor(availableParallelism() * 1.5 + 1))'],
  ['CELERYD_CONCURRENCY = 8', '8'],
])('%s, by Python and as text', async (text, code) => {
  const source = `from multiprocessing import cpu_count\n${text}\n`
  const configs = [readLiterals(source), ...(available('celery') ? [await withPython(source)] : [])]
  for (const config of configs)
    expect(settingsModule(settingsOf(convert(config)), 'x')).toContain(`concurrency: ${code}`)
})

test.each([
  ["broker_url = os.environ['BROKER']", /^broker_url is not understood: broker_url = os\.environ\['BROKER'\]/],
  ["if DEBUG:\n    broker_url = 'redis://'", /^broker_url is not understood/],
  ["broker_url = 'redis://h'\nif x: broker_url = 'redis://g'", /^broker_url is not understood/],
  ["task_routes = {'a': 'b'}\ntask_routes.update(more())", /^task_routes is not understood/],
  ['task_routes = [route_task]', /^task_routes is not understood: task_routes = \[route_task\]/],
  ["task_routes = ('proj.routes.Router',)", /^task_routes 'proj\.routes\.Router' is a router that is code/],
  ["task_serializer = 'pickle'", /^task_serializer is pickle, which is neither read nor written here/],
  ["accept_content = ['pickle']", /^accept_content has 'pickle', which is never read here/],
  ["broker_url = 'sqs://'", /^broker_url is sqs:\/\/, which no broker here speaks/],
  ["result_backend = 'db+sqlite:///x'", /^result_backend is db\+sqlite, where no results are kept here/],
  ['CELERYBEAT_SCHEDULE = load_schedule()', /^CELERYBEAT_SCHEDULE is not understood: CELERYBEAT_SCHEDULE = load/],
  ["beat_scheduler = 'django'", /^beat_scheduler not there: what a beat knows is in the store/],
  ['CELERY_TRACK_STARTED = True', /^CELERY_TRACK_STARTED `trackStarted` of the task/],
  ['from local import *', /^line 1: what `from local import \*` brings is not known/],
  ['SECRET_THING = 3', /^No settings of Celery's, and left out: SECRET_THING$/],
  ["task_publish_retry_policy = {'max_retries': None}", /^task_publish_retry_policy has no max_retries/],
])('nothing is guessed: %s', (text, note) => {
  const { settings, notes } = migrated(text)
  expect(notes).toContainEqual(expect.stringMatching(note))
  expect(settings).toEqual({})
})

test('names may have a prefix of their own', () => {
  expect(migrated("SHOP_BROKER_URL = 'redis://h'\nBROKER_URL = 'redis://other'", 'SHOP').settings).toEqual({
    broker: 'redis://h',
  })
})

test('literals are what Python says they are', async ({ skip }) => {
  if (!available('celery')) skip()
  const leaf = fc.oneof(
    fc.constantFrom(null, true, false),
    fc.integer({ min: -1e9, max: 1e9 }),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).filter((value) => !Object.is(value, -0)),
    fc.string({ maxLength: 12, unit: 'binary' }).filter((text) => !/\p{Cs}/u.test(text)),
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 })),
  }))
  const values = fc.sample(value, { seed: 7, numRuns: 200 })
  const script = 'import json, sys; [print(repr(value).replace(chr(10), " ")) for value in json.load(sys.stdin)]'
  const reprs = execFileSync(PYTHON, ['-c', script], {
    encoding: 'utf8',
    input: JSON.stringify(values),
    env: { PYTHONIOENCODING: 'utf-8' },
  })
  const lines = reprs.trimEnd().split('\n')
  expect(lines).toHaveLength(values.length)
  const read = readLiterals(lines.map((line, at) => `v${at} = ${line}\n`).join(''))
  expect(read.notes).toEqual([])
  values.forEach((one, at) => expect(read.values.get(`v${at}`), lines[at]).toEqual(one as PythonValue))
})

test('what is no Python is said to be none, and nothing else goes wrong', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const { settings } = migrated(`X = ${text}\n`)
      expect(settings).toEqual({})
    }),
    { numRuns: 300 },
  )
})

test('a file that runs for ever, or fails, is read as text', async () => {
  const folder = temporaryFolder('celeryconfig')
  write(folder, { 'celeryconfig.py': "broker_url = 'redis://h'\nraise SystemExit('no')\n" })
  const { code, text } = await run(['migrate', '--python', PYTHON, 'celeryconfig.py'], { cwd: folder })
  expect(code).toBe(0)
  expect(text).toContain("broker: 'redis://h'")
  expect(text).toContain('No Python could evaluate it')
})

test('a file that is not there is an error', async () => {
  const { code, text } = await run(['migrate', 'nowhere.py'])
  expect(code).toBe(1)
  expect(text).toContain('nowhere.py cannot be read')
})
