import type { Broker } from '../../src/broker/broker.ts'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { Deployment, type Part, until } from './deployment.ts'
import { lastLines, nothingInHand, recover, type Report, SOME } from './recovery.ts'

/** What a round is played with. */
export interface RoundOptions<Node> {
  readonly node: Node
  readonly round: number
  /** Workers of each deployment; all deployments are hurt by the one fault. */
  readonly workers: readonly number[]
  readonly longMs: number
}

/** One fault, under load. */
export interface Play {
  readonly fault: string
  readonly round: number
  readonly workers: readonly number[]
  readonly open: (queue: string, app: string) => Promise<Pick<Part, 'app' | 'proxy'>>
  /** Does it and undoes it; gives when the server was back for each part, `performance.now()`. */
  readonly strike: (deployments: readonly Deployment[]) => Promise<number>
  /** As {@link recover} has it. */
  readonly fill?: boolean
  /** Throws when something is left behind. */
  readonly checkLeftovers: (deployments: readonly Deployment[]) => Promise<void>
}

let rounds = 0

/**
 * Plays one fault under load, and checks that nothing is lost, hangs, or is left behind.
 * @throws Error that says what was broken, with the last lines of the log
 */
export async function play({ fault, round, workers, fill = false, ...one }: Play): Promise<Report[]> {
  const lines: string[] = []
  const end = lastLines(lines)
  const name = `fault-${++rounds}`
  const deployments: Deployment[] = []
  try {
    for (const count of workers) {
      const queue = `${name}-${count}`
      deployments.push(await Deployment.start(queue, count, (app) => one.open(queue, app)))
    }
    await Promise.all(deployments.map((each) => each.beginGated()))
    for (const each of deployments) each.beginLoad()
    await Promise.all(deployments.map((each) => each.outcomes(SOME)))
    const backMs = await one.strike(deployments)
    const reports = await Promise.all(deployments.map((each) => recover(each, backMs, { fill })))
    await one.checkLeftovers(deployments)
    await Promise.all(deployments.splice(0).map((each) => each.stop()))
    return reports
  } catch (error) {
    throw new Error(`${fault}, round ${round}: ${String(error)}\n${lines.join('\n')}`, { cause: error })
  } finally {
    await Promise.allSettled(deployments.map((each) => each.stop()))
    end()
  }
}

/** Its queue is empty and read by all its workers, nobody holds anything, and nobody waits for a result. */
export async function checkQueue(
  broker: Broker,
  one: Deployment,
  checkPart: (app: string, client: { backend: ResultBackend; broker: Broker }) => Promise<void> = async () => {},
): Promise<void> {
  const { queue, parts, workers } = one
  await until(`queue ${queue} is empty and read by ${workers.length}`, async () => {
    const depth = await broker.admin?.depth(queue)
    return depth?.messages === 0 && depth.consumers === workers.length
  })
  await nothingInHand(one)
  const dead = await broker.admin?.depth(`${queue}.dead`)
  if (dead && dead.messages > 0) throw new Error(`${dead.messages} messages are among the dead letters of ${queue}`)
  for (const { app } of parts) {
    const client = await app.client()
    const { waiting } = client.backend
    if (waiting > 0) throw new Error(`${waiting} results are still waited for in ${app.name}`)
    await checkPart(app.name, client)
  }
}
