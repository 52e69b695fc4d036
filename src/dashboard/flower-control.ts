import type { ControlOptions } from '../app/control.ts'
import type { NodeReply } from '../fleet/ask.ts'
import { saidBy } from './action-workers.ts'
import type { DashboardContext } from './context.ts'
import { type FlowerArguments, FlowerRefusal } from './flower-request.ts'
import type { FlowerWorkers } from './flower-workers.ts'

/** What a POST of Flower's comes to: the members of the answer. Throws a FlowerRefusal for all else. */
export type FlowerCall = (subject: string, given: FlowerArguments) => Promise<Record<string, unknown>>

type Asks = (to: ControlOptions) => Promise<readonly NodeReply[]>

const ROLE_VERBS = ['shutdown'] as const

/** Paths of Flower that steer workers and tasks, each with what it does; `{}` at its end is its subject. */
export function controlCalls(context: DashboardContext, workers: FlowerWorkers): ReadonlyMap<string, FlowerCall> {
  const { control } = context.app

  /** Asks one worker; `wrong` begins what is said where it could not. */
  const steer = async (worker: string, wrong: string, ask: Asks): Promise<string> => {
    const [reply] = await ask({ destination: worker, reply: true, timeout: '2s' })
    const said = reply ? saidBy(reply.value) : { ok: false, text: 'Unknown reason' }
    if (!said.ok)
      throw new FlowerRefusal(
        403,
        wrong.replace('{}', () => said.text),
      )
    return said.text
  }
  const worker =
    (act: (name: string, given: FlowerArguments) => Promise<string>): FlowerCall =>
    async (name, given) => {
      assertWorker(workers, name)
      return { message: await act(name, given) }
    }
  const limits =
    (act: (task: string, name: string, given: FlowerArguments) => Promise<string>): FlowerCall =>
    async (task, given) => {
      const name = given.needed('workername')
      if (!context.app.registry.get(task) && !(await workers.registers(task))) {
        throw new FlowerRefusal(404, `Unknown task '${task}'`)
      }
      assertWorker(workers, name)
      return { message: await act(task, name, given) }
    }

  return new Map<string, FlowerCall>([
    [
      'worker/shutdown',
      worker(async (name) => {
        await control.shutdown({ destination: name })
        return 'Shutting down!'
      }),
    ],
    [
      'worker/pool/restart',
      worker(async (name) => {
        await steer(name, `Failed to restart the '${name}' pool: {}`, (to) => control.poolRestart(to))
        return `Restarting '${name}' worker's pool`
      }),
    ],
    [
      'worker/pool/grow',
      worker(async (name, given) => {
        const n = given.whole('n') ?? 1
        await steer(name, `Failed to grow '${name}' worker's pool: {}`, (to) => control.poolGrow(n, to))
        return `Growing '${name}' worker's pool by ${n}`
      }),
    ],
    [
      'worker/pool/shrink',
      worker(async (name, given) => {
        const n = given.whole('n') ?? 1
        await steer(name, `Failed to shrink '${name}' worker's pool: {}`, (to) => control.poolShrink(n, to))
        return `Shrinking '${name}' worker's pool by ${n}`
      }),
    ],
    [
      'worker/pool/autoscale',
      worker(async (name, given) => {
        given.needed('min')
        given.needed('max')
        const [min = 0, max = 0] = [given.whole('min'), given.whole('max')]
        await steer(name, `Failed to autoscale '${name}' worker: {}`, (to) => control.autoscale(max, min, to))
        return `Autoscaling '${name}' worker (min=${min}, max=${max})`
      }),
    ],
    [
      'worker/queue/add-consumer',
      worker((name, given) => {
        const queue = given.needed('queue')
        const wrong = `Failed to add '${queue}' consumer to '${name}' worker: {}`
        return steer(name, wrong, (to) => control.addConsumer(queue, to))
      }),
    ],
    [
      'worker/queue/cancel-consumer',
      worker((name, given) => {
        const queue = given.needed('queue')
        const wrong = `Failed to cancel '${queue}' consumer from '${name}' worker: {}`
        return steer(name, wrong, (to) => control.cancelConsumer(queue, to))
      }),
    ],
    [
      'task/timeout',
      limits((task, name, given) => {
        const [hard, soft] = [given.number('hard'), given.number('soft')]
        const options = { ...(hard && { hard: hard * 1000 }), ...(soft && { soft: soft * 1000 }) }
        return steer(name, "Failed to set timeouts: '{}'", (to) => control.timeLimit(task, { ...to, ...options }))
      }),
    ],
    [
      'task/rate-limit',
      limits((task, name, given) => {
        const rate = given.needed('ratelimit')
        return steer(name, "Failed to set rate limit: '{}'", (to) => control.rateLimit(task, rate, to))
      }),
    ],
    [
      'task/revoke',
      async (id, given) => {
        const signal = given.text('signal') ?? 'SIGTERM'
        await control.revoke(id, { terminate: given.flag('terminate'), signal })
        return { message: `Revoked '${id}'` }
      },
    ],
  ])
}

function assertWorker(workers: FlowerWorkers, name: string): void {
  if (!workers.knows(name)) throw new FlowerRefusal(404, `Unknown worker '${name}'`)
}

/** What takes the role of an admin; the rest takes that of an operator. */
export function isForAdmins(call: string): boolean {
  return ROLE_VERBS.some((verb) => call.endsWith(verb))
}
