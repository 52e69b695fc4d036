import type { FastifyRequest } from 'fastify'
import { didYouMean, Unfit } from '../app/check.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { ACTION_ROLES, type ActionName } from './action-api.ts'
import { type Action, refused } from './action.ts'
import { PROCESS_ACTIONS } from './action-processes.ts'
import { QUEUE_ACTIONS } from './action-queues.ts'
import { SCHEDULE_ACTIONS } from './action-schedules.ts'
import { TASK_ACTIONS } from './action-tasks.ts'
import { WORKER_ACTIONS } from './action-workers.ts'
import type { ActionAnswer } from './api.ts'
import { type DashboardPart, identityOf } from './context.ts'
import { demand, writeDown } from './guard.ts'
import { Jobs } from './jobs.ts'
import { Redactor } from './redact.ts'

/** All that can be done from here. */
const ACTIONS: Readonly<Record<ActionName, Action>> = {
  ...TASK_ACTIONS,
  ...WORKER_ACTIONS,
  ...QUEUE_ACTIONS,
  ...SCHEDULE_ACTIONS,
  ...PROCESS_ACTIONS,
}

/** Ten thousand names fit in. */
const MOST_BODY = 2 ** 20

/** `POST /api/v1/actions/<name>`, each written down with what came of it. */
export const actions: DashboardPart = (server, context) => {
  const { options, clock } = context
  const redactor = new Redactor(options.redact)
  const jobs = new Jobs(
    clock,
    () => context.changed('jobs'),
    (text) => redactor.text(text),
  )
  const list = () => ({ jobs: jobs.list() })
  context.provide('jobs', list)
  context.onStop(() => jobs.stop())
  server.get('/api/v1/jobs', list)

  const act = async (request: FastifyRequest): Promise<ActionAnswer> => {
    const { name } = request.params as { name: string }
    const known = Object.hasOwn(ACTIONS, name) ? (name as ActionName) : undefined
    if (known === undefined) {
      throw new LovageError('ACTION_UNKNOWN', {
        action: name.slice(0, 100),
        fix: didYouMean(name, Object.keys(ACTIONS)),
      })
    }
    const { target, ...rest } = (request.body ?? {}) as Record<string, unknown>
    const what = { action: name, target: shownTarget(target), options: redactor.value(rest) }
    const write = (outcome: 'done' | 'refused' | 'failed', text: string): Promise<void> =>
      writeDown(request, context, { ...what, outcome, text: redactor.text(text) })
    try {
      demand(request, ACTION_ROLES[known], name)
      if (options.readOnly) throw refused(name, 'is refused: this dashboard is read-only', 'Start it without readOnly')
      const input = readInput(known, request.body)
      const by = identityOf(request).user ?? 'anybody'
      // What was begun here goes on behind the answer; its end is written down too.
      const told = (ok: boolean, text: string): void => void write(ok ? 'done' : 'failed', text)
      const answer = await ACTIONS[known].run({ context, jobs, by, told }, input as never)
      await write(answer.ok ? 'done' : 'failed', answer.text)
      return answer
    } catch (error) {
      const isRefused = error instanceof LovageError && /^(ACTION_REFUSED|ROLE_NEEDED|FILTER_INVALID)$/.test(error.code)
      await write(isRefused ? 'refused' : 'failed', messageOf(error))
      throw error
    }
  }
  server.route({ method: 'POST', url: '/api/v1/actions/:name', bodyLimit: MOST_BODY, handler: act })
}

function readInput(action: ActionName, body: unknown): unknown {
  try {
    return ACTIONS[action].read(body)
  } catch (error) {
    if (error instanceof Unfit) throw refused(action, error.message, error.fix)
    throw error
  }
}

function shownTarget(target: unknown): string {
  if (typeof target === 'string') return target
  if (!Array.isArray(target)) return ''
  const more = target.length > 20 ? ` and ${target.length - 20} more` : ''
  return `${target.slice(0, 20).map(String).join(', ')}${more}`
}
