import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../base/errors.ts'
import { mayAct } from './auth-users.ts'
import { type DashboardContext, type DashboardPart, identityOf } from './context.ts'
import { abort, sendCalls, taskResult } from './flower-calls.ts'
import { controlCalls, isForAdmins } from './flower-control.ts'
import { FlowerArguments, flowerJson, FlowerRefusal, flowerText } from './flower-request.ts'
import { listTasks, searchProblem, taskOf } from './flower-tasks.ts'
import { FlowerWorkers } from './flower-workers.ts'
import { writeDown } from './guard.ts'
import { Redactor } from './redact.ts'
import { answerError } from './server.ts'

/** As Flower says it. */
const UNAUTHENTICATED =
  'FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication'

/** Names of tasks that are told as seen, and the newest tasks that are looked through for those of before a restart. */
const MOST_NAMES = 10_000
const MOST_LOOKED = 10_000

type Answer = (subject: string, given: FlowerArguments, request: FastifyRequest) => Promise<unknown>

/**
 * Flower's REST API at its own paths, in its own words: scripts that ask Flower can ask this. It reads bodies of any type,
 * as Flower does; the guard has seen by then that no page of another site has sent them.
 */
export const flower: DashboardPart = async (server, context) => {
  const redactor = new Redactor(context.options.redact)
  const workers = new FlowerWorkers(context, redactor)
  const names = seenNames(context)
  await server.register(async (api) => {
    api.removeAllContentTypeParsers()
    api.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    api.setErrorHandler((error, _request, reply) => void answerRefusal(reply, error))
    const get = (path: string, answer: Answer): void => route(api, context, 'GET', path, answer)
    const post = (path: string, answer: Answer): void => route(api, context, 'POST', path, answer)

    get('workers', async (_subject, given) => {
      const [isFresh, isStatus] = [given.flag('refresh'), given.flag('status')]
      const name = given.text('workername')
      if (isFresh) await workers.ask()
      if (isStatus) return workers.status()
      const list = await workers.list(name, false)
      if (name !== undefined && name !== '' && !Object.hasOwn(list, name))
        throw new FlowerRefusal(404, `Unknown worker '${name}'`)
      return list
    })
    get('tasks', (_subject, given) => listTasks(context, given))
    get('task/types', async () => ({ 'task-types': names() }))
    get('queues/length', async () => ({ active_queues: await lengths(context, workers) }))
    get('task/info/*', async (id) => {
      const picture = context.tasks.picture(id)
      if (!picture) throw new FlowerRefusal(404)
      return taskOf(context, picture)
    })
    get('task/result/*', (id, given) => taskResult(context, redactor, id, given.number('timeout')))
    post('task/abort/*', abort(context))
    for (const [path, call] of Object.entries(sendCalls(context, redactor))) {
      post(`${path}/*`, (task, _given, { body }) => call(task, body))
    }
    for (const [path, call] of controlCalls(context, workers)) post(`${path}/*`, call)
  })
}

function route(
  api: FastifyInstance,
  context: DashboardContext,
  method: 'GET' | 'POST',
  path: string,
  answer: Answer,
): void {
  const call = path.replace('/*', '')
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { user, role } = identityOf(request)
    const { options } = context
    if (user === null && !options.unauthenticatedApi) throw new FlowerRefusal(401, UNAUTHENTICATED)
    const { '*': subject = '' } = request.params as { '*'?: string }
    const given = new FlowerArguments(request)
    if (method === 'GET') return flowerJson(reply, await answer(subject, given, request))
    const write = (outcome: 'done' | 'refused' | 'failed', text: string): Promise<void> =>
      writeDown(request, context, { action: `flower ${call}`, target: subject, options: {}, outcome, text })
    try {
      if (options.readOnly) throw new FlowerRefusal(403, 'Read only mode is enabled')
      const needed = isForAdmins(call) ? 'admin' : 'operate'
      if (!mayAct(role, needed)) throw new FlowerRefusal(403, `The role ${needed} is needed`)
      const answered = await answer(subject, given, request)
      const { message = 'done' } = answered as { message?: string }
      await write('done', message)
      return flowerJson(reply, answered)
    } catch (error) {
      await write(error instanceof FlowerRefusal ? 'refused' : 'failed', messageOf(error))
      throw error
    }
  }
  api.route({ method, url: `/api/${path}`, handler })
}

function answerRefusal(reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof FlowerRefusal) return flowerText(reply, error.status, error.message)
  const search = searchProblem(error)
  if (search) return flowerJson(reply.code(400), search)
  return answerError(reply, error)
}

/** Depths of the queues that are read. */
async function lengths({ app }: DashboardContext, workers: FlowerWorkers): Promise<unknown[]> {
  const names = await workers.queues()
  const { broker } = await app.client()
  const asked = names.length > 0 ? names : [app.settings.defaultQueue]
  const depths = await Promise.all(asked.map(async (name) => broker.admin?.depth(name)))
  return depths.flatMap((depth) => (depth ? [{ name: depth.queue, messages: depth.messages }] : []))
}

/** Names of all tasks that were seen, in order. */
function seenNames(context: DashboardContext): () => string[] {
  const seen = new Set<string>()
  context.onStop(
    context.onEvents((events) => {
      for (const { fields } of events) {
        const { name } = fields
        if (typeof name === 'string' && seen.size < MOST_NAMES && name.length <= 255) seen.add(name)
      }
    }),
  )
  return () => {
    const names = new Set(seen)
    let looked = 0
    for (const { name } of context.tasks.rows()) {
      if (++looked > MOST_LOOKED) break
      if (name !== null) names.add(name)
    }
    return [...names].toSorted()
  }
}
