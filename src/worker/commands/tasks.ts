import { constants } from 'node:os'
import { isLovageError, messageOf } from '../../base/errors.ts'
import { isRecord } from '../../protocol/signature.ts'
import { MAX_REVOKED } from '../revoked.ts'
import { type Command, type Commands, dict, nok, ok, type Panel, raised, texts, unfit } from './panel.ts'

const TOO_MANY = `task_id must be an id or a list of at most ${MAX_REVOKED} ids`

const revoke: Command = {
  needs: ['task_id'],
  run: (panel, { task_id: given, terminate, signal, abandon, until }) => {
    const ids = [...new Set(texts(given ?? []))]
    if (ids.length > MAX_REVOKED || texts(given ?? []) === undefined) return raised('ValueError', TOO_MANY)
    if (terminate !== true) {
      const untilMs = typeof until === 'number' && until > 0 ? until : undefined
      panel.steering.revoke(ids, { abandon: abandon === true, untilMs })
      return ok(`tasks ${ids.join(', ')} flagged as revoked`)
    }
    return ended(panel, ids, signal)
  },
}

const terminate: Command = {
  needs: ['signal', 'task_id'],
  run: (panel, given) => revoke.run(panel, { ...given, terminate: true }),
}

function ended(panel: Panel, ids: readonly string[], signal: unknown): unknown {
  if (!isSignal(signal ?? 'SIGTERM')) return raised('AttributeError', String(signal))
  const { active, reserved, scheduled } = panel.steering
  const here = new Set([...active, ...reserved, ...scheduled].map(({ request }) => request.id))
  panel.steering.revoke(ids, { terminate: true })
  const known = ids.filter((id) => here.has(id))
  return ok(known.length === 0 ? 'terminate: tasks unknown' : `terminate: ${known.join(', ')}`)
}

/** How a task ends is up to its pool: the signal is only checked, as Celery does. */
function isSignal(signal: unknown): boolean {
  const { signals } = constants
  if (typeof signal === 'number') return Object.values(signals).includes(signal)
  if (typeof signal !== 'string') return false
  const name = signal.toUpperCase()
  return Object.hasOwn(signals, name) || Object.hasOwn(signals, `SIG${name}`)
}

const revokeByStamps: Command = {
  needs: ['headers'],
  run: (panel, { headers: given, terminate: ends, signal }) => {
    const headers = stampsOf(given)
    if (!headers) return raised('ValueError', 'headers must be an object of texts, or a list like ["key=value"]')
    if (!isSignal(signal ?? 'SIGTERM')) return raised('AttributeError', String(signal))
    const terminated = panel.steering.revokeStamped(headers, { terminate: ends === true })
    const shown = dict(isRecord(given) ? given : Object.fromEntries([...headers].map(([key, [one]]) => [key, one])))
    if (ends !== true) return ok(`headers ${shown} flagged as revoked, but not terminated`)
    return ok(terminated.length === 0 ? `headers ${shown} were not terminated` : `headers ${shown} revoked`)
  },
}

function stampsOf(given: unknown): ReadonlyMap<string, readonly string[]> | undefined {
  if (Array.isArray(given)) {
    const pairs = texts(given)?.map((pair) => pair.split('=')) ?? []
    return pairs.length <= MAX_REVOKED ? new Map(pairs.map(([key = '', value = '']) => [key, [value]])) : undefined
  }
  if (!isRecord(given)) return undefined
  const entries = Object.entries(given).map(([key, value]) => [key, texts(value)] as const)
  let sum = 0
  for (const [, values] of entries) sum += values?.length ?? Infinity
  return sum <= MAX_REVOKED ? new Map(entries as (readonly [string, readonly string[]])[]) : undefined
}

const UNITS = ['s', 'm', 'h']

const rateLimit: Command = {
  needs: ['task_name', 'rate_limit'],
  run: ({ app, steering }, { task_name: task, rate_limit: given }) => {
    // Celery's order: a rate that is none is told of before a task that is none.
    const unit = typeof given === 'string' ? /\/(.*)$/.exec(given)?.[1] : undefined
    if (unit !== undefined && !UNITS.includes(unit)) return raised('KeyError', unit)
    const rate = typeof given === 'string' && /^\d+(\.\d+)?$/.test(given) ? Number(given) : given
    const isNone = rate === null || rate === 0 || rate === ''
    if (!isNone && typeof rate !== 'string' && typeof rate !== 'number') return raised('ValueError', TOO_ODD)
    if (typeof task !== 'string' || !app.registry.get(task)) return nok('unknown task')
    try {
      steering.rateLimit(task, isNone ? null : rate)
    } catch (error) {
      if (!isLovageError(error)) throw error
      return nok(`Invalid rate limit string: ValueError(${JSON.stringify(messageOf(error))})`)
    }
    return ok(isNone ? 'rate limit disabled successfully' : 'new rate limit set successfully')
  },
}

const TOO_ODD = 'rate_limit must be a text or a number'

const timeLimit: Command = {
  run: ({ app, steering }, { task_name: task, hard, soft }) => {
    if (typeof task !== 'string' || !app.registry.get(task)) return nok('unknown task')
    const limits = [hard ?? null, soft ?? null]
    const isLimit = (value: unknown): boolean =>
      value === null || (typeof value === 'number' && Number.isFinite(value) && value >= 0)
    if (!limits.every(isLimit)) return raised('ValueError', 'time limits must be numbers of seconds')
    const [timeLimitMs, softTimeLimitMs] = limits.map((value) => (value ? Number(value) * 1000 : undefined))
    try {
      steering.timeLimit(task, { timeLimitMs, softTimeLimitMs })
    } catch (error) {
      if (isLovageError(error)) return unfit(error)
      throw error
    }
    return ok('time limits set successfully')
  },
}

/** What is to become of tasks. */
export const TASKS: Commands = {
  revoke,
  terminate,
  revoke_by_stamped_headers: revokeByStamps,
  rate_limit: rateLimit,
  time_limit: timeLimit,
}
