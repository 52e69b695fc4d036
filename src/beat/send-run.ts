import type { App } from '../app/app.ts'
import type { Call, Plan } from '../canvas/plan.ts'
import { plan } from '../canvas/plan.ts'
import type { Signature } from '../protocol/signature.ts'
import { TICK_HEADER } from '../protocol/headers.ts'
import { formatIso } from '../protocol/iso-time.ts'
import { isRecord } from '../protocol/signature.ts'
import type { ResultTree } from '../protocol/result-tree.ts'

/** What is sent of an entry. */
export interface Run {
  readonly task: Signature
  /** The ids that it has, whoever sends it and however often. */
  readonly ids: () => string
  readonly expiresAtMs: number | undefined
}

/** The first messages of a run: the same for who plans it again. @throws LovageError `BODY_UNDECODABLE` */
export function planRun({ task, ids, expiresAtMs }: Run): Plan {
  const expires = expiresAtMs === undefined ? undefined : formatIso(expiresAtMs)
  return plan(task, { options: { task_id: ids(), expires } }, { id: ids, replyTo: undefined })
}

/**
 * Sends a run. Rejects as `applyAsync` does; then some of it may be with the broker.
 * @param copy tells this sending from others of the same: whoever takes messages in takes one copy of each
 */
export async function sendRun(app: App, run: Run, copy: string): Promise<ResultTree> {
  const planned = planRun(run)
  await app.canvas.publish({ ...planned, calls: planned.calls.map((call) => marked(call, copy)) })
  return planned.result
}

function marked(call: Call, copy: string): Call {
  const { headers } = call.options
  const all = { ...(isRecord(headers) && headers), [TICK_HEADER]: `1 ${copy}` }
  return { ...call, options: { ...call.options, headers: all } }
}
