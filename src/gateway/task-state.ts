import type { ResultBackend } from '../backend/backend.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { isReady, payloadValue, type Outcome } from '../protocol/outcome.ts'
import { safeEnd } from './relay.ts'
import { errorReply, jsonReply, type Reply } from './reply.ts'
import type { Ticket, Tickets } from './tickets.ts'

/** What {@link taskStateReply} looks into. */
export interface TaskStateSources {
  readonly backend: () => Promise<ResultBackend>
  readonly tickets: Tickets
  readonly exposeErrors: boolean
}

/** States of Celery's own whose payload tells of the worker and not of the work. */
const INTERNAL = new Set(['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'REJECTED', 'IGNORED'])

/** Answers `GET /tasks/<id>`: how far the task is, and its result once it is there. Unknown: 404. */
export async function taskStateReply(id: string, sources: TaskStateSources): Promise<Reply> {
  try {
    const ticket = sources.tickets.get(id)
    const backend = await sources.backend()
    const outcome = await backend.get(id)
    if (!outcome && !ticket) return errorReply(new LovageError('RESULT_UNKNOWN', { id }), id)
    return jsonReply(200, stateOf(id, outcome, ticket, sources.exposeErrors), { 'cache-control': 'no-store' })
  } catch (error) {
    if (isLovageError(error)) return errorReply(error, id)
    log('error', 'gateway', 'state of a task could not be read', { id, error })
    return errorReply(new LovageError('HANDLER_FAILED', { route: 'GET /tasks/:id', problem: messageOf(error) }), id)
  }
}

function stateOf(id: string, outcome: Outcome | undefined, ticket: Ticket | undefined, expose: boolean): object {
  const state = outcome?.state ?? 'PENDING'
  const common = {
    id,
    task: ticket?.task,
    state,
    ready: isReady(state),
    times: { accepted: isoTime(ticket?.acceptedAtMs), done: isoTime(outcome?.doneAtMs) },
  }
  if (!outcome) return common
  if (state === 'SUCCESS') return { ...common, result: payloadValue(outcome.result) }
  if (isReady(state)) return { ...common, error: safeEnd(ticket?.task ?? '', outcome, expose) }
  return INTERNAL.has(state) ? common : { ...common, progress: payloadValue(outcome.result) }
}

function isoTime(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString()
}
