import type { App } from '../../app/app.ts'
import type { NodeReply } from '../../app/control.ts'
import { type ByNode, Inspect, type ScheduledInfo, type TaskInfo } from '../../app/inspect.ts'
import { isRecord } from '../../protocol/signature.ts'
import type { HandFacts, ParentFacts, WorkerFacts } from './facts.ts'
import { timeOf } from './read-facts.ts'

/** Whom to ask, and how long to wait. */
export interface AskOptions {
  /** It ends when nobody has answered for so long. */
  readonly timeoutMs: number
  /** When all of these have answered, nobody waits for more. None: all that come in time. */
  readonly nodes: readonly string[]
}

/** A queue as a worker declares it. */
export interface DeclaredQueue {
  readonly name: string
  readonly maxLength: number | undefined
  readonly refuses: boolean
}

/** What workers say, of the task and of themselves. */
export interface Asked {
  readonly workers: readonly WorkerFacts[]
  readonly hand: HandFacts | undefined
  readonly parent: ParentFacts | undefined
  readonly queues: readonly DeclaredQueue[]
}

/** Most tasks told of that run before it. */
const MOST_AHEAD = 5

/** Asks all workers at once. @throws LovageError as `Broker.publish` does */
export async function askWorkers(app: App, id: string, options: AskOptions): Promise<Asked> {
  const inspect = inspector(app, options)
  const [found, queues, stats, registered, active] = await Promise.all([
    askFor(inspect, id),
    inspect.activeQueues(),
    inspect.stats(),
    inspect.registered('rate_limit'),
    inspect.active({ safe: true }),
  ])
  const names = new Set([found, queues, stats, registered, active].flatMap((answers) => Object.keys(answers)))
  const declared = Object.values(queues).flatMap((one) => (Array.isArray(one) ? one : []))
  const workers = [...names].toSorted().map((name): WorkerFacts => {
    const runs = listOf<TaskInfo>(active[name])
    return workerFacts(name, { stats: stats[name], queues: queues[name], registered: registered[name], runs })
  })
  const others = workers.filter(({ isOurs }) => !isOurs).map(({ name }) => name)
  const hand = (await handOf(app, found, active, options)) ?? (await heldBy(app, id, others, options))
  return { workers, hand, parent: hand ? undefined : parentOf(found), queues: declared.flatMap(declaredQueue) }
}

/** Asks again for the task alone: it may have moved while others were asked. */
export async function askAgain(app: App, id: string, options: AskOptions): Promise<Pick<Asked, 'hand' | 'parent'>> {
  const found = await askFor(inspector(app, options), id)
  const hand = await handOf(app, found, {}, options)
  return { hand, parent: hand ? undefined : parentOf(found) }
}

/** Workers that have been told to revoke it. @throws LovageError as `Broker.publish` does */
export async function askRevoked(app: App, id: string, options: AskOptions): Promise<string[]> {
  const revoked = await inspector(app, options).revoked()
  return Object.keys(revoked).filter((name) => listOf<string>(revoked[name]).includes(id))
}

function inspector(app: App, options: AskOptions): Inspect {
  return new Inspect((command, given) => answersTo(app, command, given, options))
}

/** Counting answers would not do: one that nobody expects may be quicker than one that is expected. */
function answersTo(
  app: App,
  command: string,
  given: Readonly<Record<string, unknown>>,
  { timeoutMs: timeout, nodes }: AskOptions,
): Promise<readonly NodeReply[]> {
  const missing = new Set(nodes)
  const asking = { arguments: given, reply: true, timeout } as const
  if (missing.size === 0) return app.control.broadcast(command, asking)
  return new Promise((resolve, reject) => {
    const replies: NodeReply[] = []
    const onReply = (reply: NodeReply): void => {
      replies.push(reply)
      missing.delete(reply.hostname)
      if (missing.size === 0) resolve([...replies])
    }
    app.control.broadcast(command, { ...asking, onReply }).then(resolve, reject)
  })
}

type FoundByNode = ByNode<Readonly<Record<string, readonly unknown[]>>>

/** With `follows` Lovage's workers tell of tasks in hand after which it is sent; Python's pass that over. */
async function askFor(inspect: Inspect, id: string): Promise<FoundByNode> {
  const answers = await inspect.ask('query_task', { ids: [id], follows: true })
  const own = Object.entries(answers).map(([name, answer]) => {
    const one = isRecord(answer) ? answer[id] : undefined
    return [name, Array.isArray(one) ? { [id]: one } : {}] as const
  })
  return Object.fromEntries(own)
}

const PLACES = { active: 'active', reserved: 'reserved', ready: 'scheduled' } as const

async function handOf(
  app: App,
  found: FoundByNode,
  active: ByNode<readonly TaskInfo[]>,
  { timeoutMs }: AskOptions,
): Promise<HandFacts | undefined> {
  const hands = Object.entries(found).flatMap(([worker, byId]) =>
    Object.values(byId).flatMap(([state, info]): HandFacts[] => {
      const place = PLACES[state as keyof typeof PLACES]
      if (!place || !isRecord(info)) return []
      const { type, name, time_start: since } = info as Partial<TaskInfo>
      const sinceMs = typeof since === 'number' ? since * 1_000 : undefined
      return [{ worker, place, task: String(type ?? name ?? ''), sinceMs, ahead: aheadOf(active[worker]) }]
    }),
  )
  const order = Object.values(PLACES) as string[]
  const [hand] = hands.toSorted((a, b) => order.indexOf(a.place) - order.indexOf(b.place))
  if (hand?.place !== 'scheduled') return hand
  const [id] = Object.keys(found[hand.worker] ?? {})
  const inspect = app.control.inspect({ timeout: timeoutMs, destination: hand.worker })
  const held = listOf<ScheduledInfo>((await inspect.scheduled())[hand.worker])
  const own = held.find(({ request }) => request?.id === id)
  // Python's workers say `ready` of a task that waits for its rate limit, too.
  return own ? { ...hand, etaMs: timeOf(own.eta) } : { ...hand, place: 'reserved' }
}

/** Python's workers leave what waits for its time out of `query_task`. */
async function heldBy(
  app: App,
  id: string,
  names: readonly string[],
  { timeoutMs: timeout }: AskOptions,
): Promise<HandFacts | undefined> {
  if (names.length === 0) return undefined
  const answers = await app.control.inspect({ timeout, destination: names }).scheduled()
  for (const [worker, held] of Object.entries(answers)) {
    const own = listOf<ScheduledInfo>(held).find(({ request }) => request?.id === id)
    if (!own) continue
    const task = String(own.request.type ?? own.request.name)
    return { worker, place: 'scheduled', task, etaMs: timeOf(own.eta), ahead: [] }
  }
  return undefined
}

function aheadOf(runs: unknown): HandFacts['ahead'] {
  return listOf<TaskInfo>(runs)
    .map(({ id, type, name, time_start: since }) => {
      return {
        id: String(id),
        task: String(type ?? name),
        sinceMs: typeof since === 'number' ? since * 1_000 : undefined,
      }
    })
    .toSorted((a, b) => (a.sinceMs ?? Infinity) - (b.sinceMs ?? Infinity))
    .slice(0, MOST_AHEAD)
}

function parentOf(found: FoundByNode): ParentFacts | undefined {
  for (const [worker, byId] of Object.entries(found)) {
    for (const [state, info, place] of Object.values(byId)) {
      if (state !== 'follows' || !isRecord(info)) continue
      const where = PLACES[place as keyof typeof PLACES]
      if (where) return { id: String(info['id']), task: String(info['type']), where, at: worker }
    }
  }
  return undefined
}

interface Answers {
  readonly stats: unknown
  readonly queues: unknown
  readonly registered: unknown
  readonly runs: readonly TaskInfo[]
}

function workerFacts(name: string, { stats, queues, registered, runs }: Answers): WorkerFacts {
  const pool = isRecord(stats) && isRecord(stats['pool']) ? stats['pool'] : {}
  const { 'max-concurrency': slots, running, implementation } = pool
  const tasks = Array.isArray(registered) ? registered.filter((one) => typeof one === 'string') : undefined
  const rates = (tasks ?? []).flatMap((text) => {
    const rate = /\brate_limit=([^\s\]]+)/.exec(text)?.[1]
    return rate === undefined || rate === 'None' ? [] : [[nameIn(text), rate] as const]
  })
  return {
    name,
    isOurs: typeof implementation === 'string' && implementation.startsWith('lovage:'),
    slots: typeof slots === 'number' ? slots : undefined,
    running: typeof running === 'number' ? running : runs.length,
    queues: listOf<unknown>(queues).flatMap((queue) => declaredQueue(queue).map((one) => one.name)),
    paused: isRecord(stats) ? listOf<string>(stats['paused_queues']) : [],
    tasks: tasks && new Set(tasks.map(nameIn)),
    rates: new Map(rates),
  }
}

/** `shop.add [rate_limit=2/s]` */
function nameIn(text: string): string {
  return text.replace(/ \[.*$/s, '')
}

function declaredQueue(queue: unknown): DeclaredQueue[] {
  if (!isRecord(queue) || typeof queue['name'] !== 'string') return []
  const { name, max_length: length, queue_arguments: given } = queue
  const table = isRecord(given) ? given : {}
  const most = typeof length === 'number' ? length : table['x-max-length']
  const maxLength = typeof most === 'number' ? most : undefined
  return [{ name: name as string, maxLength, refuses: table['x-overflow'] === 'reject-publish' }]
}

/** An answer that should be a list; an error is none. */
function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : []
}
