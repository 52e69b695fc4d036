import { relative } from 'node:path'
import type { Beat } from '../beat/beat.ts'
import { brokerHas } from '../app/capabilities.ts'
import type { GatewayProcess, WorkerProcess } from '../app/config.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Dashboard } from '../dashboard/dashboard.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { Worker } from '../worker/worker.ts'
import { beatsOf } from './beat-choice.ts'
import { queuesOf } from './queues.ts'
import type { Target } from './target.ts'
import { makeWorker, type WorkerChoice } from './worker-choice.ts'

/** What `lovage dev` runs in one process. */
export interface Workload {
  readonly gateways: readonly Gateway[]
  readonly workers: readonly Worker[]
  readonly beats: readonly Beat[]
  readonly dashboards: readonly Dashboard[]
  start(): Promise<void>
  /** Ends requests, then tasks, then connections. Resolves with how many messages went with this process's memory. */
  stop(): Promise<number>
}

/** Where gateways listen instead of where their configuration says. */
export interface ListenOptions {
  readonly port?: number
  readonly host?: string
}

/**
 * Makes what is to run; nothing of it is started.
 * @throws LovageError `MODULE_FAILED`, `OPTION_INVALID`
 */
export async function prepareWorkload(target: Target, listen: ListenOptions): Promise<Workload> {
  const { app } = target
  const gateways = await gatewaysOf(target, listen)
  const workers: Worker[] = []
  for (const choice of workerChoicesOf(target)) workers.push(await makeWorker(app, choice))
  const beats = beatsOf(target)
  // Gateways first: a port that is taken is known before a task has begun.
  const dashboards = await dashboardsOf(target)
  const services: readonly Service[] = [...gateways, ...dashboards.map(anywhere), ...workers, ...beats]
  return {
    gateways,
    dashboards,
    workers,
    beats,
    async start() {
      try {
        for (const service of services) await service.start()
      } catch (error) {
        await Promise.allSettled(services.map((service) => service.stop()))
        await app.close()
        throw error
      }
    },
    async stop() {
      // Requests in flight wait for tasks, so the workers must outlive the gateways.
      await Promise.all([...gateways, ...beats].map((service) => service.stop()))
      await Promise.all(workers.map((worker) => worker.stop()))
      // To the last it shows what ends.
      await Promise.all(dashboards.map((dashboard) => dashboard.stop()))
      const lost = await waitingInMemory(target)
      await app.close()
      return lost
    },
  }
}

/**
 * The gateways of a target, on another port or host where that was asked for. A second one cannot have the same port:
 * it takes the next.
 */
export async function gatewaysOf(target: Target, { port, host }: ListenOptions): Promise<Gateway[]> {
  const made: Gateway[] = []
  for (const config of Object.values(target.processes)) {
    if (config.run !== 'gateway') continue
    const nth = port === undefined ? config.port : port === 0 ? 0 : port + made.length
    made.push(gatewayOf(target, config).listenOn({ port: nth, host: host ?? config.host }))
  }
  return made
}

/** The dashboards of a target; one, where it names none: whoever tries things out wants to see them. */
async function dashboardsOf(target: Target): Promise<Dashboard[]> {
  const { app, processes } = target
  const { dashboard } = await import('../dashboard/dashboard.ts')
  const { sourcesOf } = await import('./dashboard-sources.ts')
  const configured = Object.values(processes).filter((process) => process.run === 'dashboard')
  const made: Dashboard[] = []
  for (const { port, host } of configured.length > 0 ? configured : [{ run: 'dashboard' as const }]) {
    const wanted = port ?? portOf(process.env['LOVAGE_DASHBOARD_PORT'])
    made.push(dashboard(app, { port: wanted, host }, await sourcesOf(target)))
  }
  return made
}

function portOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
}

/** A dashboard whose port is taken says so, and takes a free one: it must not keep the rest from running. */
function anywhere(dashboard: Dashboard): Service {
  return {
    async start() {
      try {
        await dashboard.start()
      } catch (error) {
        if (!isLovageError(error, 'PORT_IN_USE')) throw error
        log('warn', 'dashboard', 'its port is taken: it takes a free one', { ...error.details })
        await dashboard.listenOn({ port: 0 }).start()
      }
    },
    stop: () => dashboard.stop(),
  }
}

/** Every worker of the configuration, as often as it asks for; the dashboard beside them is told of their tasks. */
export function workerChoicesOf(target: Target): WorkerChoice[] {
  const choices: WorkerChoice[] = []
  for (const [name, config] of Object.entries(target.processes)) {
    if (config.run !== 'worker') continue
    const { count = 1, queues, concurrency, pool } = config satisfies WorkerProcess
    for (let nth = 1; nth <= count; nth++) {
      choices.push({
        queues,
        concurrency,
        pool,
        module: target.taskFiles,
        events: true,
        hostname: `${count > 1 ? `${name}-${nth}` : name}@%h`,
      })
    }
  }
  return choices
}

/** The gateway that a module exports. @throws LovageError `MODULE_FAILED` */
export function gatewayOf({ modules }: Target, { module }: GatewayProcess): Gateway {
  const made = modules.get(module)?.['default']
  if (isGateway(made)) return made
  const problem = made === undefined ? 'it has no default export' : 'its default export is no gateway'
  const at = `${relative(process.cwd(), module)}: write export default gateway(app)`
  throw new LovageError('MODULE_FAILED', { module, problem, at })
}

/** By its shape: the module may hold another copy of the package. */
export function isGateway(value: unknown): value is Gateway {
  if (typeof value !== 'object' || value === null) return false
  const { start, stop, listenOn } = value as Partial<Gateway>
  return typeof start === 'function' && typeof stop === 'function' && typeof listenOn === 'function'
}

async function waitingInMemory(target: Target): Promise<number> {
  const { app } = target
  if (brokerHas('processes', app.settings)) return 0
  const { broker } = await app.client()
  let messages = 0
  for (const queue of queuesOf(target)) messages += (await broker.admin?.depth(queue))?.messages ?? 0
  return messages
}
