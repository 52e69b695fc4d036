import type { TaskInfo } from '../../app/inspect.ts'
import { readBody } from '../../protocol/task-message.ts'
import type { Work } from '../work.ts'
import type { Panel } from './panel.ts'

/** Bodies above this are not read to be shown. */
const MAX_SHOWN_BYTES = 64 * 1024

/** Bodies of one answer that are read: those of all that a worker may hold would be more than a message can be. */
const MOST_SHOWN_BYTES = 4 * 2 ** 20

/** Tasks of one answer, with the arguments of the later ones as text where there are too many. @param safe all as text */
export function taskInfos(panel: Panel, works: readonly Work[], safe = false): TaskInfo[] {
  let left = MOST_SHOWN_BYTES
  return works.map((work) => {
    left -= work.request.body.byteLength
    return taskInfo(panel, work, safe || left < 0)
  })
}

function taskInfo(panel: Panel, work: Work, safe: boolean): TaskInfo {
  const { request, delivery, startedAtMs, isAckedEarly, isAgain } = work
  const { exchange, routingKey } = delivery
  return {
    id: request.id,
    name: request.shadow ?? request.task,
    ...argumentsOf(panel, work, safe),
    type: request.task,
    hostname: panel.options.hostname,
    time_start: startedAtMs === undefined ? null : startedAtMs / 1000,
    acknowledged: isAckedEarly,
    delivery_info: { exchange, routing_key: routingKey, priority: request.priority ?? 0, redelivered: isAgain },
    worker_pid: pidOf(panel, work),
  }
}

function argumentsOf({ app }: Panel, { request }: Work, safe: boolean): Pick<TaskInfo, 'args' | 'kwargs'> {
  const { argsrepr: args, kwargsrepr: kwargs, body } = request
  if (safe || body.byteLength > MAX_SHOWN_BYTES) return { args, kwargs }
  try {
    const { acceptContent: accept } = app.settings
    const read = readBody(request, { accept, maxBodyBytes: MAX_SHOWN_BYTES })
    return { args: read.args, kwargs: read.kwargs }
  } catch {
    return { args, kwargs }
  }
}

function pidOf({ steering }: Panel, { job, task }: Work): number | null {
  if (!job) return null
  const { pools } = steering
  const pool = pools.find(({ kind }) => kind === task?.options.pool) ?? pools[0]
  return pool?.kind === 'processes' ? (pool.pidOf?.(job) ?? null) : process.pid
}
