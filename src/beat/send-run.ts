import type { App } from '../app/app.ts'
import { type Plan, plan } from '../canvas/plan.ts'
import type { Signature } from '../protocol/signature.ts'
import { formatIso } from '../protocol/iso-time.ts'
import type { ResultTree } from '../protocol/result-tree.ts'

/** What is sent of an entry. */
export interface Run {
  readonly task: Signature
  /** The ids that it has, whoever sends it and however often. */
  readonly ids: () => string
  readonly expiresAtMs: number | undefined
  /** A policy looks at its end. */
  readonly isAwaited?: boolean
}

/** The first messages of a run: the same for who plans it again. @throws LovageError `BODY_UNDECODABLE` */
export function planRun({ task, ids, expiresAtMs }: Run, saysSizes: boolean): Plan {
  const expires = expiresAtMs === undefined ? undefined : formatIso(expiresAtMs)
  return plan(task, { options: { task_id: ids(), expires } }, { id: ids, replyTo: undefined, saysSizes })
}

/** Messages on their way at a time. */
const AT_ONCE = 200

/**
 * Sends a run. Rejects as `applyAsync` does; then some of it may be with the broker. Sent again it is run once all the same:
 * workers take one message of each task.
 */
export async function sendRun(app: App, run: Run): Promise<ResultTree> {
  const { isAwaited = false } = run
  const { chords, calls, hasChords, result } = planRun(run, app.canvas.saysSizes)
  if (hasChords) {
    const counted = await app.canvas.chords('A chord of a schedule')
    for (const { groupId, size } of chords) await counted.open(groupId, size)
  }
  for (let at = 0; at < calls.length; at += AT_ONCE) {
    await Promise.all(
      calls
        .slice(at, at + AT_ONCE)
        .map((call) => app.canvas.deliver({ ...call, options: { ...call.options, once: true } }, { isAwaited })),
    )
  }
  return result
}
