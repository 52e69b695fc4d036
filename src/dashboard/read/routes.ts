import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LovageError } from '../../base/errors.ts'
import { deadQueueOf, listDead } from '../../broker/dead-letters.ts'
import type { DeadList, WorkerDetail } from '../api-fleet.ts'
import type { Why } from '../api-tasks.ts'
import type { DashboardContext } from '../context.ts'
import type { FleetWatch } from '../fleet/fleet-watch.ts'
import { explain } from '../why.ts'
import type { Hosts } from './hosts.ts'
import type { TaskProgress } from './task-progress.ts'
import type { Timetable } from './timetable.ts'
import { type Asked, type Topics, wholeOf } from './topics.ts'
import { WhyAnswers } from './why-answers.ts'

/** Codes of letters whose task has ended the life of a worker again and again. */
const POISON = new Set(['DELIVERIES_EXHAUSTED'])

/** Dead letters of one answer. */
const MOST_LETTERS = 1_000

/** What the routes stand on. */
export interface ReadParts {
  readonly topics: Topics
  readonly fleet: FleetWatch
  readonly progress: TaskProgress
  readonly timetable: Timetable
  readonly hosts: Hosts
}

/** The topics that are read as they are. */
const PLAIN = ['overview', 'tasks', 'workers', 'queues', 'gateways'] as const

/** Routes of all that is read. */
export function readRoutes(server: FastifyInstance, context: DashboardContext, parts: ReadParts): void {
  const { topics, fleet, progress, timetable, hosts } = parts
  const whys = new WhyAnswers(context.clock)
  server.addHook('onRequest', (request, _reply, next) => {
    if (request.raw.url?.startsWith('/api/')) fleet.looked()
    next()
  })
  for (const topic of PLAIN) server.get(`/api/v1/${topic}`, (request) => topics.read(topic, askedOf(request)))
  server.get('/api/v1/schedules', async () => {
    await timetable.ask()
    return timetable.list()
  })
  server.get('/api/v1/processes', async () => {
    await hosts.ask()
    return hosts.list()
  })
  server.get('/api/v1/tasks/:id', (request) => {
    const id = nameOf(request, 'id')
    return progress.ask(id).then(() => topics.task(id))
  })
  server.get('/api/v1/tasks/:id/why', (request) => {
    const id = nameOf(request, 'id')
    // Once it has gone on, what was said before is no answer.
    return whys.get(`${context.tasks.get(id)?.state} ${id}`, () => whyOf(context, id))
  })
  server.get('/api/v1/workers/:name', (request) => workerOf(fleet, nameOf(request, 'name')))
  server.get('/api/v1/queues/:name/dead', (request) => {
    const limit = wholeOf('limit', askedOf(request)['limit'], 1, MOST_LETTERS) ?? 100
    return deadList(context, nameOf(request, 'name'), limit)
  })
}

/** Why it is not running, or what became of it. */
function whyOf({ app, clock, tasks, fleet, sources }: DashboardContext, id: string): Promise<Why> {
  const picture = tasks.picture(id)
  const nodes = fleet.workers.filter(({ status }) => status === 'online').map(({ name }) => name)
  return explain(app, id, {
    clock,
    schedules: sources.schedules,
    ...(picture && { picture }),
    ...(nodes.length > 0 && { nodes }),
  })
}

async function workerOf(fleet: FleetWatch, name: string): Promise<WorkerDetail> {
  if (fleet.worker(name)) await fleet.look(name)
  const worker = fleet.worker(name)
  if (!worker) throw new LovageError('DASHBOARD_UNKNOWN', { what: 'worker', name })
  return worker
}

async function deadList({ app }: DashboardContext, queue: string, limit: number): Promise<DeadList> {
  const { broker } = await app.client()
  const letters = await listDead(broker, queue, limit)
  const depth = await broker.admin?.depth(deadQueueOf(queue))
  return {
    queue,
    total: depth?.messages ?? letters.length,
    letters: letters.map(({ key, id, task, reason, atMs, message }) => ({
      key,
      id,
      task: task ?? null,
      code: reason.code,
      message: reason.message,
      atMs: atMs ?? null,
      bytes: message.body.byteLength,
      isPoison: POISON.has(reason.code),
    })),
  }
}

/** The query of a request, each parameter once. */
export function askedOf({ query }: FastifyRequest): Asked {
  const asked: Record<string, string> = {}
  for (const [name, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    const last: unknown = Array.isArray(value) ? value.at(-1) : value
    if (typeof last === 'string') asked[name] = last
  }
  return asked
}

function nameOf({ params }: FastifyRequest, name: string): string {
  return (params as Record<string, string>)[name] ?? ''
}
