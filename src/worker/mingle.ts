import { sinceBootS } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { isRecord } from '../protocol/signature.ts'
import type { Command, Panel } from './commands/panel.ts'
import { MAX_REVOKED } from './revoked.ts'

/** How long nobody may have answered, once we have answered ourselves. */
const QUIET_MS = 100

/** Longest wait for others. */
const LONGEST_MS = 1_000

/** What two workers tell each other when one of them starts. */
type Known = Readonly<Record<string, readonly [at: number, id: string]>>

/** Answers a worker that has just started: takes the ids it knows to be revoked, and gives ours. */
export const hello: Command['run'] = (panel, given) => {
  const { from_node: from, revoked } = given
  if (from === panel.options.hostname) return null
  log('debug', 'worker', 'another worker has started', { from })
  learn(panel, revoked)
  return { revoked: known(panel), clock: panel.app.lamport.forward() }
}

/**
 * Tells the other workers that this one starts, and learns what they know to be revoked. Resolves when those have answered
 * that are going to, as far as can be told; never rejects.
 */
export async function mingle(panel: Panel): Promise<void> {
  const { app, clock, options } = panel
  const { hostname } = options
  let met = 0
  await new Promise<void>((resolve) => {
    let quiet = clock.after(LONGEST_MS, resolve)
    const onReply = (reply: { readonly hostname: string; readonly value: unknown }): void => {
      quiet.cancel()
      // Our own answer comes as late as those of others who are not busy.
      quiet = clock.after(QUIET_MS, resolve)
      if (reply.hostname === hostname || !isRecord(reply.value)) return
      met++
      app.lamport.adjust(reply.value['clock'])
      learn(panel, reply.value['revoked'])
    }
    app.control
      .broadcast('hello', {
        arguments: { from_node: hostname, revoked: known(panel) },
        reply: true,
        timeout: LONGEST_MS,
        onReply,
      })
      .catch((error: unknown) => {
        log('warn', 'worker', 'other workers are not asked what is revoked', { hostname, problem: messageOf(error) })
        quiet.cancel()
        resolve()
      })
  })
  log('debug', 'worker', 'other workers have answered', { hostname, met })
}

/** Python takes the times for its own monotonic clock, and none that is written without a point. */
function known({ steering }: Panel): Known {
  const nowS = sinceBootS()
  return Object.fromEntries(
    steering.revoked.ages().map(([id, ageMs]) => {
      const at = Math.max(0, Math.round((nowS - ageMs / 1000) * 1e6) / 1e6)
      return [id, [Number.isInteger(at) ? at + 1e-6 : at, id]]
    }),
  )
}

/** Their times are of their clocks: what is new to us is remembered as of now. */
function learn({ steering }: Panel, revoked: unknown): void {
  if (!isRecord(revoked)) return
  const ids = Object.keys(revoked)
    .filter((id) => id !== '' && !steering.revoked.has(id))
    .slice(0, MAX_REVOKED)
  if (ids.length > 0) steering.revoke(ids, {})
}
