import { describe, expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import type { HeaderValue } from '../../src/protocol/headers.ts'
import type { Message } from '../../src/protocol/message.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { encodeBody, encodeTask, newRequest, type TaskRequest } from '../../src/protocol/task-message.ts'
import { decide, type Decision, type IntakeRules } from '../../src/worker/intake.ts'

const NOW = Date.UTC(2026, 10, 21, 2, 3, 23)
const app = lovage('intake', {}, { env: {} })
app.task('add', (x: number, y: number) => x + y)
const rules: IntakeRules = { registry: app.registry, accept: ['application/json'], maxBodyBytes: 1_000 }

const messageOf = (fields: Partial<TaskRequest> = {}): Message =>
  encodeTask(newRequest({ id: 'id-1', task: 'add', body: encodeBody([1, 2], {}), ...fields }))

const decided = (message: Message): Decision => decide(message, NOW, rules)

describe('what can be run', () => {
  test('is run at once', () => {
    const decision = decided(messageOf())
    expect(decision).toMatchObject({ kind: 'run', etaMs: undefined, expiresAtMs: Infinity, task: { name: 'add' } })
  })

  test('is run when its time comes', () => {
    const at = (eta: string): unknown => (decided(messageOf({ eta })) as { etaMs?: number }).etaMs
    expect(at('2026-11-21T02:03:24.250000+00:00')).toBe(NOW + 1_250)
    expect(at('2026-11-21T03:03:24+01:00')).toBe(NOW + 1_000)
    expect(at('2026-11-21T02:03:24')).toBe(NOW + 1_000)
    expect(at('2026-11-21T02:03:23+00:00')).toBeUndefined()
    expect(at('2020-01-01T00:00:00Z')).toBeUndefined()
  })

  test('is run when its time comes in the time zone of the settings, where the message does not say its own', () => {
    const inShanghai = (message: Message): unknown => decide(message, NOW, { ...rules, timezone: 'Asia/Shanghai' })
    expect(inShanghai(messageOf({ eta: '2026-11-21T10:03:24' }))).toMatchObject({ etaMs: NOW + 1_000 })
    expect(inShanghai(messageOf({ expires: '2026-11-21T10:03:24' }))).toMatchObject({ expiresAtMs: NOW + 1_000 })
    expect(inShanghai(messageOf({ eta: '2026-11-21T02:03:24Z' }))).toMatchObject({ etaMs: NOW + 1_000 })
    const old = (utc: boolean): Message => {
      const body = {
        task: 'add',
        id: 'old',
        args: [1, 2],
        kwargs: {},
        eta: `2026-11-21T${utc ? '02' : '10'}:03:24`,
        utc,
      }
      return { ...messageOf(), headers: {}, body: Buffer.from(JSON.stringify(body)) }
    }
    expect(inShanghai(old(true))).toMatchObject({ etaMs: NOW + 1_000 })
    expect(inShanghai(old(false))).toMatchObject({ etaMs: NOW + 1_000 })
  })

  test('keeps the moment at which it expires', () => {
    expect(decided(messageOf({ expires: '2026-11-21T02:04:23+00:00' }))).toMatchObject({ expiresAtMs: NOW + 60_000 })
  })

  test('may be of protocol 1', () => {
    const body = { task: 'add', id: 'old', args: [1, 2], kwargs: {}, retries: 1, eta: '2026-11-21T02:04:23', utc: true }
    const message: Message = { ...messageOf(), headers: {}, body: Buffer.from(JSON.stringify(body)) }
    expect(decided(message)).toMatchObject({ kind: 'run', etaMs: NOW + 60_000, request: { id: 'old', retries: 1 } })
  })
})

describe('what is over before it began', () => {
  test('because it has expired is revoked, and not kept', () => {
    for (const expires of ['2026-11-21T02:03:23+00:00', '2026-11-21T02:03:22.999', '1999-12-31T00:00:00Z']) {
      const decision = decided(messageOf({ expires }))
      expect(decision).toMatchObject({ kind: 'over', outcome: { id: 'id-1', state: 'REVOKED' } })
      if (decision.kind !== 'over') return
      expect(decision.outcome.dead).toBeUndefined()
      expect(payloadValue(decision.outcome.result)).toEqual({
        exc_type: 'TaskRevokedError',
        exc_message: ['expired'],
        exc_module: 'celery.exceptions',
      })
    }
  })

  test('because nobody here knows the task is NotRegistered, and kept', () => {
    const decision = decided(messageOf({ task: 'nobody' }))
    expect(decision).toMatchObject({
      kind: 'unknown',
      outcome: {
        state: 'FAILURE',
        dead: { code: 'TASK_UNKNOWN' },
        result: { value: { exc_type: 'NotRegistered', exc_message: ['nobody'], exc_module: 'celery.exceptions' } },
      },
    })
  })

  test('because its content is not accepted is a failure, and kept', () => {
    for (const contentType of ['application/x-python-serialize', 'application/x-msgpack', 'application/x-yaml', '']) {
      const decision = decided(messageOf({ contentType }))
      expect(decision).toMatchObject({ kind: 'over', outcome: { state: 'FAILURE', dead: { code: 'CONTENT_REFUSED' } } })
    }
  })
})

describe('what is no task message', () => {
  const withHeaders = (headers: Record<string, HeaderValue>, fields: Partial<Message> = {}): Message => ({
    ...messageOf(),
    headers,
    ...fields,
  })

  test('is kept with its reason', () => {
    const cases: [string, Message][] = [
      ['MESSAGE_INVALID', withHeaders({}, { body: Buffer.from('{"hello": 1}') })],
      ['MESSAGE_INVALID', withHeaders({}, { body: Buffer.from('[]') })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add' })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add', id: '' })],
      ['MESSAGE_INVALID', withHeaders({ task: 7, id: 'x' })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add', id: 'x', eta: 'tomorrow' })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add', id: 'x', expires: '2026-02-30T00:00:00' })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add', id: 'x', retries: -1 })],
      ['MESSAGE_INVALID', withHeaders({ task: 'add', id: 'x', timelimit: ['a', null] })],
      ['BODY_UNDECODABLE', withHeaders({}, { body: Buffer.from('{') })],
      ['CONTENT_REFUSED', withHeaders({}, { contentType: 'application/x-python-serialize' })],
      ['MESSAGE_TOO_LARGE', { ...messageOf(), body: Buffer.alloc(1_001, ' ') }],
    ]
    for (const [code, message] of cases) {
      expect(decided(message), `${code} ${JSON.stringify(message.headers)}`).toMatchObject({
        kind: 'unreadable',
        dead: { code },
      })
    }
  })

  test('whoever may wait for it is told', () => {
    const byHeader = decided(withHeaders({ task: 'add', id: 'x', eta: 'tomorrow' }, { correlationId: 'y' }))
    expect(byHeader).toMatchObject({ failure: { id: 'x', state: 'FAILURE' } })
    const byCorrelation = decided(withHeaders({}, { body: Buffer.from('{'), correlationId: 'y' }))
    expect(byCorrelation).toMatchObject({ failure: { id: 'y', state: 'FAILURE' } })
    const { correlationId: _, ...nobody } = withHeaders({}, { body: Buffer.from('{') })
    expect(decided(nobody)).toMatchObject({ failure: undefined })
  })
})
