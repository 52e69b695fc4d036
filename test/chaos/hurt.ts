import { sleep, systemClock } from '../../src/base/clock.ts'
import { type Deployment, type Part, until } from './deployment.ts'

/** What a fault acts on. */
export interface Hurt<Node> {
  readonly node: Node
  readonly deployments: readonly Deployment[]
  /** Which round it is, from 0: some faults hurt others in each. */
  readonly round: number
  /** How long what is stopped for long is stopped. */
  readonly longMs: number
}

/** Seconds between signs of life: what connections have by default, in each round. */
export const byDefault = (): number => 30
export const either = (round: number): number => (round % 2 === 0 ? 1 : 30)

/** The tasks that are to run in the midst of a fault go on. */
export function openAmid(deployments: readonly Deployment[]): void {
  for (const { gates } of deployments) gates.amid.open()
}

/** Everybody, the workers alone, the client alone, or one worker: in turn. */
export function hurtOnes({ deployments, round }: Hurt<unknown>): Part[] {
  return deployments.flatMap(({ parts, client, workers }) => {
    const groups = [parts, workers, [client], workers.slice(0, 1)]
    return groups[round % groups.length] as Part[]
  })
}

/** Resolves when each part knows that its connection is lost, to when the last one came to know. */
export async function noticed(parts: readonly Part[], fromMs: number): Promise<number> {
  const times = (): number[] => parts.map(({ lostAtMs }) => lostAtMs.find((atMs) => atMs >= fromMs) ?? Infinity)
  await until('all connections are known to be lost', () => times().every((atMs) => atMs < Infinity))
  return Math.max(...times())
}

/** Stops the server where it stands. As the others, gives when it was back for each part, `performance.now()`. */
export async function halt(
  { node, deployments }: Hurt<{ pause(): void; resume(): void }>,
  ms: number,
): Promise<number> {
  node.pause()
  try {
    openAmid(deployments)
    await sleep(systemClock, ms)
  } finally {
    node.resume()
  }
  return performance.now()
}

/** The other sides of sockets vanish, and tell nobody. */
export async function halfOpen(scene: Hurt<unknown>): Promise<number> {
  const parts = hurtOnes(scene)
  const fromMs = performance.now()
  for (const { proxy } of parts) proxy.halfOpen()
  openAmid(scene.deployments)
  return await noticed(parts, fromMs)
}
