import type { App } from '../app/app.ts'
import { sleep, systemClock, type Clock } from '../base/clock.ts'
import { adminOf } from './queues.ts'

/** A queue as a worker tells of it. */
interface Read {
  readonly name: string
  readonly exchange: string | undefined
  readonly exchangeType: 'direct' | 'topic' | 'fanout' | undefined
  readonly routingKey: string | undefined
}

export interface DrainOptions {
  /** In all. */
  readonly timeoutMs: number
  /** Longest silence of the workers, for each question. */
  readonly silenceMs: number
  readonly say: (line: string) => void
  /** Gives up: their queues are read again. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

/** Between two looks. */
const PAUSE_MS = 500
/** What comes just as the queues are let go is seen with the next look. */
const LOOKS = 2

/**
 * Has workers, ours or Python's, read their queues no more, and waits until nothing runs there and nothing waits for a
 * slot. Where that takes too long they read their queues again.
 * @returns Why they are not drained; undefined: they are
 */
export async function drainNodes(
  app: App,
  nodes: readonly string[],
  options: DrainOptions,
): Promise<string | undefined> {
  const { timeoutMs, silenceMs: timeout, say, signal, clock = systemClock } = options
  const until = clock.monotonic() + timeoutMs
  const inspect = app.control.inspect({ destination: nodes, timeout })
  let queues = queuesOf(await inspect.activeQueues())
  // One that is busy with its start, or with a task in its only thread, answers later.
  while (nodes.some((node) => !queues.has(node))) {
    const silent = nodes.filter((node) => !queues.has(node))
    if (clock.monotonic() >= until) return `${silent.join(', ')} does not answer`
    if (signal?.aborted) return 'told to give up'
    await sleep(clock, PAUSE_MS)
    queues = new Map([...queues, ...queuesOf(await inspect.activeQueues())])
  }
  for (const [node, read] of queues) {
    for (const { name } of read) {
      say(`${node} reads ${name} no more`)
      await app.control.cancelConsumer(name, { destination: node, reply: true, timeout })
    }
  }
  let inHand = 'something'
  for (let looks = 0; clock.monotonic() < until && !signal?.aborted; await sleep(clock, PAUSE_MS)) {
    const [active, reserved] = [await inspect.active({ safe: true }), await inspect.reserved()]
    const silent = nodes.filter((node) => !active[node] || !reserved[node])
    const count = [...Object.values(active), ...Object.values(reserved)].reduce((sum, tasks) => sum + tasks.length, 0)
    inHand =
      silent.length > 0 ? `${silent.join(', ')} does not answer` : `${count} ${count === 1 ? 'task' : 'tasks'} in hand`
    looks = count === 0 && silent.length === 0 ? looks + 1 : 0
    if (looks >= LOOKS) return undefined
  }
  for (const [node, read] of queues) for (const queue of read) await readAgain(app, node, queue, timeout)
  const when = signal?.aborted ? 'when told to give up' : `after ${timeoutMs / 1_000} s`
  return `${inHand} ${when}; its queues are read again`
}

async function readAgain(app: App, node: string, queue: Read, timeout: number): Promise<void> {
  const { name, exchange, exchangeType, routingKey } = queue
  await app.control.addConsumer(name, {
    ...{ destination: node, reply: true, timeout },
    ...(exchange !== undefined && { exchange }),
    ...(exchangeType !== undefined && { exchangeType }),
    ...(routingKey !== undefined && { routingKey }),
  })
}

/**
 * Whether these workers may be stopped.
 * @returns Why not: they are the last of a queue in which work waits
 */
export async function reasonToStay(app: App, nodes: readonly string[], timeout: number): Promise<string | undefined> {
  const all = queuesOf(await app.control.inspect({ timeout }).activeQueues())
  const read = (is: (node: string) => boolean): Set<string> =>
    new Set([...all].flatMap(([node, queues]) => (is(node) ? queues.map(({ name }) => name) : [])))
  const others = read((node) => !nodes.includes(node))
  const admin = await adminOf(app)
  const reasons: string[] = []
  for (const queue of read((node) => nodes.includes(node))) {
    if (others.has(queue)) continue
    const waiting = (await admin.depth(queue))?.messages ?? 0
    if (waiting > 0) reasons.push(`${waiting} wait in ${queue}, which nobody else reads`)
  }
  return reasons.length > 0 ? reasons.join('; ') : undefined
}

function queuesOf(byNode: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>): Map<string, Read[]> {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
  const entries = Object.entries(byNode).map(([node, queues]): [string, Read[]] => {
    if (!Array.isArray(queues)) return [node, []]
    const read = queues.map((queue): Read => {
      const { name, exchange, routing_key: routingKey } = queue as Record<string, unknown>
      const { name: exchangeName, type } = (exchange ?? {}) as Record<string, unknown>
      const exchangeType = type === 'direct' || type === 'topic' || type === 'fanout' ? type : undefined
      return { name: String(name), exchange: text(exchangeName), exchangeType, routingKey: text(routingKey) }
    })
    return [node, read]
  })
  return new Map(entries)
}
