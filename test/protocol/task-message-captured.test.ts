import { describe, expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import { pack, unpack } from '../../src/protocol/compression.ts'
import { argsRepr, kwargsRepr, pythonRepr } from '../../src/protocol/python-repr.ts'
import {
  encodeBody,
  encodeTask,
  readBody,
  readTask,
  serializeBody,
  type TaskRequest,
} from '../../src/protocol/task-message.ts'
import { capturedTasks, messageOf, tagsOf, withoutTags, type Captured, type CeleryVersion } from './captured.ts'

const VERSIONS: readonly CeleryVersion[] = ['5.2.6', '5.6.3']

/** Content that is refused by its name, and by which, where nothing else is accepted than by default. */
const REFUSED: Readonly<Record<string, string>> = {
  ser_pickle: 'application/x-python-serialize',
  ser_yaml: 'application/x-yaml',
  ser_msgpack: 'application/x-msgpack',
  msgpack_gzip: 'application/x-msgpack',
  compress_lzma: 'compression application/x-lzma',
}

/** What is in those of them that are read where they are accepted. */
const ACCEPTED: Readonly<Record<string, object>> = {
  ser_yaml: { args: [1, 'a', 1.5, null, true, [1, 2]], kwargs: { k: { a: [1] } } },
  ser_msgpack: { args: [1, 'a', Buffer.from([0xff, 0]), 1.5, null, true], kwargs: { k: { a: [1] } } },
  msgpack_gzip: { args: [1], kwargs: {} },
}

/** With values that JavaScript has none like: NaN, 1.0 as a float, microseconds, decimals; and typed bytes. */
const OTHER_BODY: ReadonlySet<string> = new Set([
  ...['5.2.6 numbers', '5.6.3 numbers', '5.6.3 json_types', '5.6.3 json_bytes'],
])

/** Calls with tuples inside, or with Python's own types, whose repr JavaScript's values do not have. */
const OTHER_REPR: ReadonlySet<string> = new Set([
  ...['chord_unlock', 'chunks', 'chunks_group', 'containers', 'json_types', 'map_', 'starmap', 'numbers'],
])

/** Headers that 5.2 does not write and takes for custom ones. */
const SINCE_5_3 = ['replaced_task_nesting', 'stamped_headers', 'stamps']

const HEADER_FIELDS = {
  id: 'id',
  task: 'task',
  lang: 'lang',
  shadow: 'shadow',
  eta: 'eta',
  expires: 'expires',
  group: 'group',
  group_index: 'groupIndex',
  retries: 'retries',
  timelimit: 'timelimit',
  root_id: 'rootId',
  parent_id: 'parentId',
  argsrepr: 'argsrepr',
  kwargsrepr: 'kwargsrepr',
  origin: 'origin',
  ignore_result: 'ignoreResult',
} as const satisfies Record<string, keyof TaskRequest>

for (const version of VERSIONS) {
  const all = capturedTasks(version)
  const tasks = all.filter(({ properties }) => 'task' in properties.headers)
  const readable = tasks.filter(({ case: name }) => !(name in REFUSED))
  const typed = readable.filter(({ case: name }) => name === 'json_bytes')
  const plain = readable.filter((captured) => {
    return typeof captured.body_text === 'string' && !OTHER_BODY.has(`${version} ${captured.case}`)
  })
  const sameRepr = readable.filter(({ case: name }) => !OTHER_REPR.has(name))

  describe(`every message of a Celery ${version} client`, () => {
    test('is here', () => {
      expect(tasks.length).toBeGreaterThan(75)
      expect(new Set(all.map((captured) => captured.case)).size).toBeGreaterThanOrEqual(version === '5.2.6' ? 69 : 74)
    })

    test.each(tasks.map(named))('%s has its headers read', (_, captured) => {
      const request = readTask(messageOf(captured))
      const { headers, reply_to: replyTo, correlation_id: correlationId, priority } = captured.properties
      for (const [header, field] of Object.entries(HEADER_FIELDS)) expect(request[field]).toEqual(headers[header])
      expect(request.replacedTaskNesting).toBe(headers.replaced_task_nesting ?? 0)
      expect(request.stampedHeaders).toEqual(headers.stamped_headers ?? null)
      expect(withoutTags(request.stamps)).toEqual(headers.stamps ?? {})
      expect(request.compression).toBe(headers.compression)
      expect(request).toMatchObject({ replyTo, correlationId })
      expect(request.priority).toBe(priority)
      const known = [...Object.keys(HEADER_FIELDS), ...SINCE_5_3, 'compression']
      expect(Object.keys(request.custom)).toEqual(Object.keys(headers).filter((name) => !known.includes(name)))
    })

    test.each(tasks.map(named))('%s is written again with equal headers, in order and in wire types', (_, captured) => {
      const message = messageOf(captured)
      const { properties, header_types: types } = captured
      const written = encodeTask(readTask(message), { deliveryMode: properties.delivery_mode })
      const isNew = (name: string): boolean => name in properties.headers || !SINCE_5_3.includes(name)
      const headers = Object.fromEntries(Object.entries(written.headers).filter(([name]) => isNew(name)))
      expect(Object.entries(withoutTags(headers) as object)).toEqual(Object.entries(properties.headers))
      expect(tagsOf(headers)).toEqual(['F', types])
      expect({ ...written, headers: message.headers }).toEqual(definedOf(message))
    })

    test.each(plain.map(named))('%s has its body read', (_, captured) => {
      const { args, kwargs, embed } = readBody(readTask(messageOf(captured)))
      expect([args, kwargs, embed]).toEqual(JSON.parse(captured.body_text as string))
    })

    test.each([...plain, ...typed].map(named))('%s has its body written again byte for byte', (_, captured) => {
      const { args, kwargs, embed } = readBody(readTask(messageOf(captured)))
      expect(Buffer.from(encodeBody(args, kwargs, embed)).toString()).toBe(captured.body_text)
    })

    test.each([
      ['ser_msgpack', 'msgpack'],
      ['ser_yaml', 'yaml'],
    ] as const)('%s has its body written again byte for byte', (name, serializer) => {
      const captured = tasks.find((one) => one.case === name) as Captured
      const message = messageOf(captured)
      const { args, kwargs, embed } = readBody(readTask(message), { accept: [serializer] })
      const { body, contentType, contentEncoding } = serializeBody(args, kwargs, embed, { serializer })
      expect(Buffer.from(body)).toEqual(Buffer.from(message.body))
      expect({ contentType, contentEncoding }).toEqual({
        contentType: message.contentType,
        contentEncoding: message.contentEncoding,
      })
    })

    test.each(['compress_gzip', 'compress_zlib', 'msgpack_gzip'])('%s is packed again under the same name', (name) => {
      const captured = tasks.find((one) => one.case === name) as Captured
      const { body, compression } = readTask(messageOf(captured))
      const unpacked = unpack(body, compression as string, 10_000)
      const again = pack(unpacked, 'gzip')
      expect(again.compression).toBe(compression)
      expect(Buffer.from(again.body.subarray(0, 2))).toEqual(Buffer.from(body.subarray(0, 2)))
      expect(unpack(again.body, again.compression, 10_000)).toEqual(unpacked)
    })

    test.each(['compress_gzip', 'compress_zlib'])('%s is unpacked', (name) => {
      const captured = readable.find((one) => one.case === name) as Captured
      const { args } = readBody(readTask(messageOf(captured)))
      expect(argsRepr(args)).toBe(captured.properties.headers.argsrepr)
    })

    test('numbers arrive as they were sent, also where JSON has none like them', () => {
      const captured = readable.find((one) => one.case === 'numbers') as Captured
      const { args } = readBody(readTask(messageOf(captured)))
      const big = [2n ** 53n, 2n ** 63n, 2n ** 64n + 1n]
      expect(args).toEqual([...big, -1, 0.1, 1e100, 1, NaN, Infinity, -Infinity])
      // Of all that only the float 1.0 has become an integer.
      expect(argsRepr(args)).toBe((captured.properties.headers.argsrepr as string).replace('1.0,', '1,'))
    })

    test.each(sameRepr.map(named))('%s has the reprs that Python gives it', (_, captured) => {
      const request = readTask(messageOf(captured))
      const { args, kwargs } = readBody(request)
      // send_task was given a list, which Python shows as one.
      expect(captured.case === 'send_task' ? pythonRepr(args) : argsRepr(args)).toBe(request.argsrepr)
      expect(kwargsRepr(kwargs)).toBe(request.kwargsrepr)
    })

    test.each(tasks.filter(({ case: name }) => name in REFUSED).map(named))('%s is refused by name', (_, captured) => {
      const request = readTask(messageOf(captured))
      const refused = caught(() => readBody(request, { accept: ['json', 'pickle'] }))
      expect(isLovageError(refused, 'CONTENT_REFUSED') && refused.details.contentType).toBe(REFUSED[captured.case])
    })

    test.each(tasks.filter(({ case: name }) => name in ACCEPTED).map(named))(
      '%s is read where it is accepted',
      (_, one) => {
        const { args, kwargs } = readBody(readTask(messageOf(one)), { accept: ['yaml', 'msgpack'] })
        expect({ args: args.map((arg) => (arg instanceof Uint8Array ? Buffer.from(arg) : arg)), kwargs }).toEqual(
          ACCEPTED[one.case],
        )
      },
    )
  })
}

function named(captured: Captured): [string, Captured] {
  return [`${captured.case} ${captured.index} (${captured.call})`, captured]
}

function definedOf(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))
}

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
