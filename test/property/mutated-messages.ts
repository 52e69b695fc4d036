import { deflateSync } from 'node:zlib'
import { isLovageError } from '../../src/base/errors.ts'
import { WireValue, type HeaderValue, type Headers } from '../../src/protocol/headers.ts'
import { isReady } from '../../src/protocol/outcome.ts'
import { decodeResult, encodeRpcResult } from '../../src/protocol/result-record.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeTask, readBody, readTask, type TaskRequest } from '../../src/protocol/task-message.ts'
import { capturedResults, capturedTasks, messageOf } from '../protocol/captured.ts'
import { seeded, type Random } from './random.ts'

/** What a reader may do with a message that it does not take. */
const TYPED_ERRORS = ['MESSAGE_INVALID', 'BODY_UNDECODABLE', 'CONTENT_REFUSED', 'ARGUMENTS_INVALID'] as const

/** What became of messages: how many were read, and how many refused by which code. */
export type Verdicts = Record<'read' | (typeof TYPED_ERRORS)[number], number>

/**
 * Makes `count` messages out of the captured ones, by mutation and at random, and reads each: it must be a message that
 * can be written and read again, or a LovageError of a known code.
 * @throws Error naming the seed that repeats the message, for anything else
 */
export function judgeMutatedMessages(count: number, seed: number): Verdicts {
  const verdicts: Verdicts = {
    ...{ read: 0, MESSAGE_INVALID: 0, BODY_UNDECODABLE: 0, CONTENT_REFUSED: 0, ARGUMENTS_INVALID: 0 },
  }
  for (let at = 0; at < count; at++) {
    const own = seed + at
    try {
      verdicts[judge(mutated(seeded(own)))]++
    } catch (error) {
      throw new Error(`Message ${at} is neither read nor refused; mutated(seeded(${own})) makes it`, { cause: error })
    }
  }
  return verdicts
}

const CORPUS: readonly Message[] = [...capturedTasks('5.2.6'), ...capturedTasks('5.6.3')].map(messageOf)
const RESULTS: readonly Message[] = [...capturedResults('5.2.6'), ...capturedResults('5.6.3')].map(
  ({ body_text: text }) => {
    return { ...(CORPUS[0] as Message), headers: {}, body: Buffer.from(text) }
  },
)

/** One mutated message. */
export function mutated(random: Random): Message {
  let message = random.pick(random.chance(0.2) ? RESULTS : CORPUS)
  for (let times = 1 + random.below(4); times > 0; times--) message = random.pick(MUTATIONS)(message, random)
  return message
}

type Mutation = (message: Message, random: Random) => Message

const MUTATIONS: readonly Mutation[] = [
  (message, random) => ({ ...message, body: cutBytes(message.body, random) }),
  (message, random) => ({ ...message, body: flippedBytes(message.body, random) }),
  (message, random) => ({ ...message, body: insertedBytes(message.body, random) }),
  (message, random) => ({ ...message, body: randomBody(random) }),
  (message, random) => ({ ...message, body: swappedValue(message.body, random) }),
  (message, random) => ({ ...message, body: swappedValue(message.body, random) }),
  (message, random) => ({ ...message, body: random.pick(CORPUS).body }),
  (message, random) => ({ ...message, headers: random.pick(CORPUS).headers }),
  (message, random) => ({ ...message, headers: withoutOne(message.headers, random) }),
  (message, random) => ({ ...message, headers: withGarbage(message.headers, random) }),
  (message, random) => ({ ...message, headers: withGarbage(message.headers, random) }),
  (message) => ({ ...message, headers: {} }),
  (message, random) => ({ ...message, body: Buffer.from(random.pick(ODD_CALLS)) }),
  (message, random) => ({ ...message, contentType: random.pick(CONTENT_TYPES) }),
  (message) => ({
    ...message,
    headers: { ...message.headers, compression: 'application/x-gzip' },
    body: deflateSync(message.body),
  }),
  (message, random) => ({
    ...message,
    headers: { ...message.headers, compression: random.pick(['gzip', 'application/x-bz2', '']) },
  }),
  (message, random) => ({
    ...message,
    correlationId: undefined,
    replyTo: random.pick([undefined, '', 'r']),
    priority: undefined,
  }),
]

const ODD_CALLS = ['[{}, {}, null]', '[[], [], {}]', '[1, 2, 3]', '[[1], null, {}]', '[[], {}, {"chain": 1}]', '[[]]']

const CONTENT_TYPES = [
  '',
  'application/json',
  'application/JSON; x',
  'application/x-python-serialize',
  'text/plain',
  '\0',
]

function cutBytes(body: Uint8Array, random: Random): Uint8Array {
  const start = random.below(body.length + 1)
  return random.chance(0.5) ? body.subarray(0, start) : body.subarray(start)
}

function flippedBytes(body: Uint8Array, random: Random): Uint8Array {
  const flipped = Uint8Array.from(body)
  for (let times = 1 + random.below(4); times > 0 && flipped.length > 0; times--) {
    flipped[random.below(flipped.length)] = random.chance(0.5) ? random.below(256) : random.pick(MARKS)
  }
  return flipped
}

const MARKS = Array.from('[]{}",:\\0-.eNIu \n', (mark) => mark.charCodeAt(0))

function insertedBytes(body: Uint8Array, random: Random): Uint8Array {
  const at = random.below(body.length + 1)
  const inserted = Buffer.from(random.pick(PIECES))
  return Buffer.concat([body.subarray(0, at), inserted, body.subarray(at)])
}

function randomBody(random: Random): Uint8Array {
  if (random.chance(0.3)) return random.bytes(random.below(64))
  if (random.chance(0.3)) return Buffer.from(Array.from({ length: random.below(32) }, () => random.pick(MARKS)))
  return Buffer.from(Array.from({ length: 1 + random.below(6) }, () => random.pick(PIECES)).join(''))
}

const PIECES = [
  ...[
    '[',
    ']',
    '{',
    '}',
    '"',
    ',',
    ':',
    ' ',
    '[[], {}, {}]',
    '[[1], {"a": 2}, null]',
    'NaN',
    '-Infinity',
    'null',
    'true',
  ],
  ...[
    '1e999',
    '-0',
    '123456789012345678901234567890',
    '{"__type__": "',
    '{"__type__": "date", "__value__": "2030-01-01"}',
  ],
  ...['{"__type__": "x", "__value__": 1}', '{"__proto__": 1}', '{"task": "t", "id": "i", "args": [], "kwargs": {}}'],
  ...[
    '"\\ud800"',
    '"\\u00"',
    '\ufeff',
    '\0',
    'é',
    '\ud83d\ude00',
    '9'.repeat(5000),
    '['.repeat(600),
    '{"a":'.repeat(600),
  ],
]

/** A JSON body with one value replaced by another kind of value. */
function swappedValue(body: Uint8Array, random: Random): Uint8Array {
  let root: unknown
  try {
    root = JSON.parse(Buffer.from(body).toString())
  } catch {
    return body
  }
  let node = root
  for (let depth = random.below(5); depth >= 0 && typeof node === 'object' && node !== null; depth--) {
    const names = Object.keys(node)
    if (names.length === 0) break
    const name = random.pick(names)
    const inner = (node as Record<string, unknown>)[name]
    if (depth > 0 && typeof inner === 'object' && inner !== null) node = inner
    else Reflect.set(node, name, structuredClone(random.pick(VALUES)))
  }
  return Buffer.from(JSON.stringify(random.chance(0.05) ? random.pick(VALUES) : root))
}

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    '',
    'text',
    '2030-01-01T00:00:00',
    [],
    {},
    [[]],
    [1, 2],
    { task: 'a' },
    { args: 1 },
  ],
  ...[
    { task: 'a', args: 1 },
    { __type__: 'bytes', __value__: 'a' },
    { __type__: 1, __value__: 1 },
    [{ task: 'a', kwargs: [] }],
  ],
]

function withoutOne(headers: Headers, random: Random): Headers {
  const gone = random.pick(Object.keys(headers).concat('x'))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== gone))
}

function withGarbage(headers: Headers, random: Random): Headers {
  const name = random.pick([...Object.keys(headers), 'task', 'id', 'x-lovage-starts', '__proto__', 'constructor', ''])
  return Object.fromEntries([...Object.entries(headers), [name, random.pick(GARBAGE)]]) as Headers
}

const GARBAGE: readonly HeaderValue[] = [
  ...[null, true, '', 'text', '2030-01-01T00:00:00', 0, 5, -1, 1.5, NaN, 7n, 2n ** 63n, new Uint8Array([255, 0])],
  ...[
    [],
    [1, 2],
    ['a', null],
    [[1]],
    {},
    { a: { b: [1] } },
    [new WireValue('d', 1), null],
    { a: new WireValue('T', 5n) },
  ],
  ...[new WireValue('l', 3n), new WireValue('T', 2n ** 60n), new WireValue('D', { digits: 15, scale: 1 })],
  ...[new WireValue('s', -3), new WireValue('f', NaN), new WireValue('L', -(2n ** 62n))],
]

function judge(message: Message): keyof Verdicts {
  const result = verdictOf(() => checkResult(message))
  const verdict = verdictOf(() => checkTask(message))
  return result === 'read' ? 'read' : verdict
}

function verdictOf(read: () => void): keyof Verdicts {
  try {
    read()
    return 'read'
  } catch (error) {
    const code = TYPED_ERRORS.find((one) => isLovageError(error, one))
    if (code === undefined) throw error
    return code
  }
}

function checkTask(message: Message): void {
  const request = readTask(message)
  assertRequest(request)
  const again = readTask(encodeTask(request))
  if (Object.keys(request).some((name) => !same(request, again, name as keyof TaskRequest))) {
    throw new Error('a request that was read is another when it is written and read again')
  }
  const { args, kwargs, embed } = readBody(request, { maxBodyBytes: 1_000_000 })
  assert(Array.isArray(args) && typeof kwargs === 'object' && kwargs !== null, 'args or kwargs')
  for (const list of [embed.callbacks, embed.errbacks, embed.chain, embed.chord && [embed.chord]]) {
    assert(
      list === null || list.every(({ task, args: own }) => typeof task === 'string' && Array.isArray(own)),
      'embed',
    )
  }
}

function same(one: TaskRequest, two: TaskRequest, name: keyof TaskRequest): boolean {
  // Its identity is what matters of the body; the others are small.
  return name === 'body' ? one.body === two.body : repr(one[name]) === repr(two[name])
}

function repr(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? 'undefined'
}

function assertRequest(request: TaskRequest): void {
  const { id, task, retries, groupIndex, timelimit, custom } = request
  assert(typeof id === 'string' && id !== '' && typeof task === 'string' && task !== '', 'id or task')
  assert(Number.isSafeInteger(retries) && retries >= 0, 'retries')
  assert(groupIndex === null || Number.isSafeInteger(groupIndex), 'group_index')
  assert(timelimit.length === 2 && timelimit.every((limit) => limit === null || Number.isFinite(limit)), 'timelimit')
  assert(Object.getPrototypeOf(custom) === Object.prototype, 'custom')
}

function checkResult({ body, contentType }: Message): void {
  const outcome = decodeResult(body, { contentType })
  assert(typeof outcome.id === 'string' && typeof isReady(outcome.state) === 'boolean', 'outcome')
  try {
    encodeRpcResult(outcome)
  } catch (error) {
    // These are read and never written.
    assert(isLovageError(error, 'ENCODE_FAILED') && /NaN|Infinity/.test(error.message), 'a result that was read')
  }
}

function assert(holds: boolean, what: string): void {
  if (!holds) throw new Error(`${what} is not what its type says`)
}
