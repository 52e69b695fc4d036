import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import type { AsyncResult } from '../app/async-result.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Kept, Lease, Store } from '../store/store.ts'
import type { JoinRule } from './join.ts'
import type { RouteRequest } from './route.ts'
import { Waits } from './waits.ts'

/** What joining needs. */
export interface JoinsOptions {
  readonly clock: Clock
  readonly store: () => Promise<Store>
  /** How long one who claims a request may take to send its task, before another may. */
  readonly leaseMs: number
  /** The result of a task that was sent by another. */
  readonly result: (id: string) => AsyncResult
}

/** How a task is sent that may have been sent already. */
export interface JoinedCall {
  readonly taskId: string
  readonly once: true
}

/** The task of a request. */
export interface Joined {
  readonly result: AsyncResult
  /** False: it was sent for an earlier request. */
  readonly isNew: boolean
}

/** What is kept under the key of a request. */
interface JoinRecord {
  readonly v: 1
  readonly id: string
  readonly print: string
  /** The broker has its message for certain. */
  readonly isSent: boolean
}

type Send = (call: JoinedCall) => PromiseLike<AsyncResult>

/** Waits for another to have sent the task; that takes him milliseconds, as a rule. */
const BACKOFF: Backoff = { baseMs: 20, maxMs: 250 }

/**
 * Which task a request belongs to, agreed on by all gateways through the store. Who comes first claims the request for a
 * task id of his, sends the task, and then notes that he has. If he dies in between nobody can know whether he had sent it:
 * who comes next, once the lease of the claim has run out, sends it again under the same id, and the workers run one of the
 * two.
 */
export class Joins {
  readonly #options: JoinsOptions

  constructor(options: JoinsOptions) {
    this.#options = options
  }

  /**
   * The task of the request with this key: that of an earlier one, or one that `send` sends now.
   * @throws LovageError `JOIN_MISMATCH`, `RESULT_TIMEOUT` when somebody else has not got it sent within `timeoutMs`, and
   *   what store and `send` throw
   */
  async begin(rule: JoinRule, key: string, request: RouteRequest, timeoutMs: number, send: Send): Promise<Joined> {
    const { clock, leaseMs, result } = this.#options
    const store = await this.#options.store()
    const at = `gateway:join:${createHash('sha256').update(rule.where).update('\0').update(key).digest('hex')}`
    const print = rule.printOf(request)
    const fresh: JoinRecord = { v: 1, id: clock.uuid(), print, isSent: false }
    const holder = fresh.id
    const startedMs = clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      const [claim, asked] = await Promise.all([
        store.set(at, JSON.stringify(fresh), { ttlMs: rule.ttlMs, ifVersion: 0 }),
        store.lease(at, { ttlMs: leaseMs, holder }),
      ])
      const { kept } = claim
      // Gone again at this very moment.
      if (!kept) continue
      const { lease } = asked
      if (claim.isSet) return { result: await this.#send(store, at, rule, fresh, kept, lease, send, true), isNew: true }
      const record = readRecord(kept)
      if (record && record.print !== print) {
        release(lease)
        throw new LovageError('JOIN_MISMATCH')
      }
      if (!record || (record.isSent && (await wasRevoked(result(record.id))))) {
        // What nobody ran is no answer: this request is the first of a new task.
        await store.forget(at, { ifVersion: kept.version })
        release(lease)
        continue
      }
      if (record.isSent) {
        release(lease)
        return { result: result(record.id), isNew: false }
      }
      if (lease) {
        log('warn', 'gateway', 'task is sent again: who was to send it has not said that he did', { id: record.id })
        return { result: await this.#send(store, at, rule, record, kept, lease, send, false), isNew: false }
      }
      const waitedMs = clock.monotonic() - startedMs
      if (waitedMs >= timeoutMs) throw new LovageError('RESULT_TIMEOUT', { id: record.id, timeoutMs })
      const waitMs = Math.min(backoffMs(attempt, BACKOFF, 1), asked.lease ? 0 : Math.max(1, asked.freeInMs))
      await sleep(clock, Math.min(waitMs, timeoutMs - waitedMs), request.signal)
    }
  }

  async #send(
    store: Store,
    at: string,
    { ttlMs }: JoinRule,
    record: JoinRecord,
    { version }: Kept,
    lease: Lease | undefined,
    send: Send,
    isClaim: boolean,
  ): Promise<AsyncResult> {
    const { id } = record
    try {
      const result = await send({ taskId: id, once: true })
      // Nobody waits for the note: without it the task would be sent again, and still run once.
      store
        .set(at, JSON.stringify({ ...record, isSent: true }), { ttlMs, ifVersion: version })
        .catch((error: unknown) => {
          log('warn', 'gateway', 'it could not be noted that a task is sent', { id, error: messageOf(error) })
        })
      release(lease)
      return result
    } catch (error) {
      if (isClaim && !mayBeThere(error)) await store.forget(at, { ifVersion: version }).catch(() => {})
      release(lease)
      throw error
    }
  }
}

/** The message may have got through, for all that is known here. */
function mayBeThere(error: unknown): boolean {
  return (
    isLovageError(error, 'PUBLISH_TIMEOUT') ||
    isLovageError(error, 'BROKER_UNREACHABLE') ||
    isLovageError(error, 'BROKER_CLOSED')
  )
}

async function wasRevoked(result: AsyncResult): Promise<boolean> {
  return (await result.latest())?.state === 'REVOKED'
}

/** It runs out by itself. */
function release(lease: Lease | undefined): void {
  lease?.release().catch(() => {})
}

/** Undefined: it is of a version that is not known here. */
function readRecord({ value }: Kept): JoinRecord | undefined {
  try {
    const record = JSON.parse(String(value)) as JoinRecord
    return record.v === 1 && typeof record.id === 'string' ? record : undefined
  } catch {
    return undefined
  }
}

/** What joining is to an application; nothing is opened before the first request that is to be joined. */
export function joinsOf(app: App, clock: Clock): { readonly joins: Joins; readonly waits: Waits } {
  const store = (): Promise<Store> => app.store('A joined request')
  // As long as the sending itself may take, and the connecting before it.
  const leaseMs = app.settings.publishTimeoutMs + app.settings.connectTimeoutMs
  const joins = new Joins({ clock, store, leaseMs, result: (id) => app.asyncResult(id) })
  return { joins, waits: new Waits(store) }
}
