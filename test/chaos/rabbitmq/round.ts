import { onLog } from '../../../src/base/log.ts'
import type { AmqpBroker } from '../../../src/broker/amqp/amqp-broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import type { RabbitmqNode } from '../../services/rabbitmq-node.ts'
import { Deployment, until } from './deployment.ts'
import type { Fault } from './faults.ts'

/** Outcomes that must have come before the fault, and after it. */
const SOME = 40

/** Log lines kept for the text of a failure. */
const LINES_KEPT = 40

/** What a round came to for one deployment. */
export interface Report {
  readonly workers: number
  readonly confirmed: number
  readonly unsent: number
  /** From the broker's return to the first task that each worker began. */
  readonly resumeMs: readonly number[]
  /** Starts beyond the first of messages that the broker gave out again. */
  readonly duplicates: number
  /** Starts beyond the first of messages that were sent again, their confirmation having been lost. */
  readonly resent: number
  /** Tasks that ran while the fault was there. */
  readonly through: number
  /** Those of them that were started more than once. */
  readonly throughTwice: number
}

/** What a round is played with. */
export interface RoundOptions {
  readonly node: RabbitmqNode
  readonly round: number
  /** Workers of each deployment; all deployments are hurt by the one fault. */
  readonly workers: readonly number[]
  readonly longMs: number
}

/** RabbitMQ looks for messages that are held too long once a minute; as its advanced.config, twice a second. */
export const FAST_TICK = '[{rabbit, [{channel_tick_interval, 500}]}].'

let rounds = 0

/**
 * Plays one fault under load, and checks that nothing is lost, hangs, or is left behind.
 * @throws Error that says what was broken, with the last lines of the log
 */
export async function playRound(fault: Fault, { node, round, workers, longMs }: RoundOptions): Promise<Report[]> {
  const lines: string[] = []
  const end = onLog(({ level, room, message, fields }) => {
    if (level === 'debug' || message === 'task done') return
    lines.push(`${Math.round(performance.now())} ${level} ${room}: ${message} ${JSON.stringify(fields)}`)
    if (lines.length > LINES_KEPT) lines.shift()
  })
  const name = `fault-${++rounds}`
  const deployments: Deployment[] = []
  try {
    await fault.prepare?.(node)
    for (const count of workers) {
      const heartbeatS = fault.heartbeatS(round)
      deployments.push(await Deployment.start(node.url(), `${name}-${count}`, count, heartbeatS))
    }
    await Promise.all(deployments.map((one) => one.beginGated()))
    for (const one of deployments) one.beginLoad()
    await Promise.all(deployments.map((one) => one.outcomes(SOME)))
    const backMs = await fault.strike({ node, deployments, round, longMs })
    const reports = await Promise.all(deployments.map((one) => recover(one, backMs)))
    await checkLeftovers(node, deployments)
    await Promise.all(deployments.splice(0).map((one) => one.stop()))
    return reports
  } catch (error) {
    throw new Error(`${fault.name}, round ${round}: ${String(error)}\n${lines.join('\n')}`, { cause: error })
  } finally {
    await Promise.allSettled(deployments.map((one) => one.stop()))
    end()
  }
}

async function recover(one: Deployment, backMs: number): Promise<Report> {
  await until(
    () => `each of ${one.workers.length} workers begins a task after the fault`,
    () => one.firstRuns(backMs).every((atMs) => atMs < Infinity),
  )
  const resumeMs = one.firstRuns(backMs).map((atMs) => Math.round(atMs - backMs))
  one.gates.after.open()
  await one.outcomes(SOME)
  await one.endLoad()
  await until(
    () => `each of ${one.confirmed.size} confirmed messages has an outcome: missing ${describe(one)}`,
    () => one.missing.length === 0,
  )
  if (one.wrong.length > 0) throw new Error(`outcomes are not what they should be: ${one.wrong.join('; ')}`)
  const again = [...one.runs.values()].flatMap((runs) => runs.slice(1))
  const through = [...one.gated.amid, ...one.gated.after]
  return {
    workers: one.workers.length,
    confirmed: one.confirmed.size,
    unsent: one.unsent,
    resumeMs,
    duplicates: again.filter(({ isAgain }) => isAgain).length,
    resent: again.filter(({ isAgain }) => !isAgain).length,
    through: through.length,
    throughTwice: through.filter((id) => (one.runs.get(id)?.length ?? 0) > 1).length,
  }
}

async function checkLeftovers(node: RabbitmqNode, deployments: readonly Deployment[]): Promise<void> {
  const broker = openBroker(node.url())
  await broker.start()
  try {
    for (const { queue, parts, workers } of deployments) {
      await until(`queue ${queue} is empty and read by ${workers.length}`, async () => {
        const depth = await broker.admin?.depth(queue)
        return depth?.messages === 0 && depth.consumers === workers.length
      })
      await until(`nothing is in the hands of the workers of ${queue}`, () =>
        workers.every(({ worker }) => {
          const { running, waiting, held } = worker.stats()
          return running === 0 && waiting === 0 && held === 0
        }),
      )
      const dead = await broker.admin?.depth(`${queue}.dead`)
      if (dead && dead.messages > 0) throw new Error(`${dead.messages} messages are among the dead letters of ${queue}`)
      for (const { app } of parts) {
        const { backend, broker: own } = await app.client()
        if (backend.waiting > 0) throw new Error(`${backend.waiting} results are still waited for in ${app.name}`)
        await until(`${app.name} holds no message any more`, () => (own as AmqpBroker).publishing === 0)
      }
    }
  } finally {
    for (const { queue } of deployments) await broker.admin?.deleteQueue(queue).catch(() => {})
    await broker.stop()
  }
}

/** What is known of the first outcomes that are missing. */
function describe({ missing, runs }: Deployment): string {
  const known = missing.slice(0, 3).map((id) => `${id} (started ${runs.get(id)?.length ?? 0} times)`)
  return `${missing.length}, among them ${known.join(', ')}`
}
