import type { App } from '../app/app.ts'
import { backendHas } from '../app/capabilities.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { redactUrl } from '../base/redact.ts'
import { isProgress, isReady, payloadValue, type Outcome } from '../protocol/outcome.ts'
import { safeEnd } from './relay.ts'
import { errorReply, jsonReply, type Reply } from './reply.ts'
import type { RouteRequest } from './route.ts'
import type { Ticket, Tickets } from './tickets.ts'

/** What the replies about a task look into. */
export interface TaskSources {
  readonly app: Pick<App, 'client' | 'settings' | 'control'>
  readonly tickets: Tickets
  readonly exposeErrors: boolean
}

/** Answers `GET /tasks/<id>`: how far the task is, and its result once it is there. Without a ticket: 404. */
export function taskStateReply(id: string, sources: TaskSources): Promise<Reply> {
  return guarded('GET /tasks/:id', id, async () => {
    const ticket = await ticketOf(id, sources)
    const { backend } = await sources.app.client()
    const state = stateOf(id, await backend.get(id), ticket, sources.exposeErrors)
    return jsonReply(200, state, { 'cache-control': 'no-store' })
  })
}

/**
 * Answers `DELETE /tasks/<id>`: has workers drop it, and with `?terminate=1` end it where it runs. 202, because workers
 * hear of it on their own time; 404 without a ticket; 409 when it has ended.
 */
export function taskRevokeReply(id: string, request: RouteRequest, sources: TaskSources): Promise<Reply> {
  return guarded('DELETE /tasks/:id', id, async () => {
    const terminate = terminateOf(request.query['terminate'])
    const ticket = await ticketOf(id, sources)
    const { backend } = await sources.app.client()
    const outcome = await backend.get(id)
    if (outcome && isReady(outcome.state)) throw new LovageError('TASK_ENDED', { id, state: outcome.state })
    await sources.app.control.revoke(id, { terminate })
    log('info', 'gateway', 'task revoked by a client', { task: ticket.task, id, terminate })
    return jsonReply(202, { id, revoked: true, terminate }, { 'cache-control': 'no-store' })
  })
}

/**
 * The ticket of a task that a client asks for.
 * @throws LovageError `RESULT_UNKNOWN`, `CAPABILITY_MISSING` where only the gateway that sent it hears of its result
 */
export async function ticketOf(id: string, { app: { settings }, tickets }: TaskSources): Promise<Ticket> {
  const ticket = await tickets.get(id)
  if (!ticket) throw new LovageError('RESULT_UNKNOWN', { id })
  if (ticket.gateway === tickets.gateway || backendHas('anyReader', settings)) return ticket
  throw new LovageError('CAPABILITY_MISSING', {
    what: 'Asking for a task that another gateway has sent',
    needs: 'a result backend that stores results',
    kind: redactUrl(settings.backend),
    fix: "Use backend: 'redis://localhost/1', say, or have the proxy send a client to the same gateway again",
  })
}

/** Whatever goes wrong is a reply. */
export async function guarded(route: string, id: string, answer: () => Promise<Reply>): Promise<Reply> {
  try {
    return await answer()
  } catch (error) {
    if (isLovageError(error)) return errorReply(error, id)
    log('error', 'gateway', 'request about a task could not be handled', { route, id, error })
    return errorReply(new LovageError('HANDLER_FAILED', { route, problem: messageOf(error) }), id)
  }
}

/** What a client may read of a task. */
export function stateOf(id: string, outcome: Outcome | undefined, ticket: Ticket, expose: boolean): object {
  const state = outcome?.state ?? 'PENDING'
  const common = {
    id,
    task: ticket.task,
    state,
    ready: isReady(state),
    times: { accepted: isoTime(ticket.acceptedAtMs), done: isoTime(outcome?.doneAtMs) },
    runMs: outcome?.runMs,
  }
  if (!outcome) return common
  if (state === 'SUCCESS') return { ...common, result: payloadValue(outcome.result) }
  if (isReady(state)) return { ...common, error: safeEnd(ticket.task, outcome, expose) }
  return isProgress(outcome) ? { ...common, progress: payloadValue(outcome.result) } : common
}

function terminateOf(given: string | string[] | undefined): boolean {
  if (given === undefined || given === '0' || given === 'false') return false
  if (given === '' || given === '1' || given === 'true') return true
  throw new LovageError('URL_INVALID', { problem: 'terminate in its query is neither 1 nor 0' })
}

function isoTime(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString()
}
