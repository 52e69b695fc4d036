import type { Profiler } from 'node:inspector'
import { median } from '../side-by-side.ts'
import type { Place } from '../systems/places.ts'
import type { Part } from './parts.ts'
import { erlangEach, erlangSpent, type ErlangSpent, rabbitmqParts, type Watched, watchRabbitmq } from './rabbitmq.ts'
import { RedisWatch } from './redis.ts'
import { spentBy, spentEach, type Spent } from './spent.ts'
import { sharesOf } from './stages.ts'
import { type Role, User } from './user.ts'

/** How much is done to see where time goes. */
export interface Effort {
  /** Calls in flight. */
  readonly window: number
  /** Calls of a round; the middle one of the rounds counts. */
  readonly calls: number
  readonly rounds: number
  /** How long RabbitMQ is looked into. */
  readonly watchMs: number
}

/** A process of those that a task passes. */
export interface Party {
  readonly name: 'caller' | 'worker' | 'caller and worker' | 'server'
  readonly parts: readonly Part[]
}

const ROLES: Readonly<Record<Place['name'], readonly Role[]>> = {
  // The first that comes owns an embedded broker.
  embedded: ['owner', 'worker', 'caller'],
  memory: ['both'],
  RabbitMQ: ['worker', 'caller'],
  Redis: ['worker', 'caller'],
}

const NAMES: Readonly<Record<Role, Party['name']>> = {
  caller: 'caller',
  worker: 'worker',
  both: 'caller and worker',
  owner: 'server',
}

/** Where the time of a task goes that is sent to `place`, run, and answered. */
export async function partiesOf(place: Place, effort: Effort): Promise<Party[]> {
  const users: User[] = []
  try {
    const [first, ...others] = ROLES[place.name] as readonly [Role, ...Role[]]
    users.push(await User.start(first, place.url))
    users.push(...(await Promise.all(others.map((role) => User.start(role, place.url)))))
    const caller = users.at(-1) as User
    // What is compiled, and what grows to its size, does so now.
    await caller.call(effort.calls, effort.window)
    const rounds = await roundsOf(place, users, effort)
    return [...(await profiled(place, users, rounds, effort))].toReversed()
  } finally {
    for (const user of users) await user.stop()
  }
}

/** What each call took in one round: of each user, and of the server. */
interface Round {
  readonly users: readonly Spent[]
  readonly server: ErlangSpent
}

async function roundsOf(place: Place, users: readonly User[], { calls, rounds, window }: Effort): Promise<Round> {
  const [server] = place.server
  const now = (): Round => ({
    users: users.map(({ pid }) => spentBy(pid)),
    server: server === undefined ? { files: NOTHING, all: NOTHING } : erlangSpent(server),
  })
  const taken: Round[] = []
  for (let i = 0; i < rounds; i++) {
    const from = now()
    await users.at(-1)?.call(calls, window)
    const to = now()
    taken.push({
      users: to.users.map((spent, at) => spentEach(from.users[at] as Spent, spent, calls)),
      server: erlangEach(from.server, to.server, calls),
    })
  }
  return {
    users: users.map((_, at) => middle(taken.map((round) => round.users[at] as Spent))),
    server: {
      files: middle(taken.map((round) => round.server.files)),
      all: middle(taken.map((round) => round.server.all)),
    },
  }
}

const NOTHING: Spent = { user: 0, system: 0 }

function middle(taken: readonly Spent[]): Spent {
  return { user: median(taken.map(({ user }) => user)), system: median(taken.map(({ system }) => system)) }
}

/** Lets it all run once more with profilers, and splits what was taken without them. */
async function profiled(place: Place, users: readonly User[], round: Round, effort: Effort): Promise<Party[]> {
  const { calls, window, watchMs } = effort
  const [server] = place.server
  const caller = users.at(-1) as User
  for (const user of users) await user.profile()
  const redis = place.name === 'Redis' ? await RedisWatch.start(Number(new URL(place.url).port)) : undefined
  let seen: Watched | undefined
  let isWatched = true
  const watch =
    place.name === 'RabbitMQ' && server !== undefined
      ? watchRabbitmq(server, watchMs)
          .then((watched) => void (seen = watched))
          .finally(() => (isWatched = false))
      : undefined
  let called = 0
  do {
    await caller.call(calls, window)
    called += calls
  } while (watch && isWatched)
  await watch
  const servers: Party[] = []
  if (redis) servers.push({ name: 'server', parts: await redis.parts(round.server.all, called) })
  if (seen) servers.push({ name: 'server', parts: rabbitmqParts(round.server, seen, 'profile') })
  const parties: Party[] = []
  for (const [at, user] of users.entries()) {
    parties.push({ name: NAMES[user.role], parts: partsOf(round.users[at] as Spent, await user.profiled()) })
  }
  return [...servers, ...parties]
}

function partsOf({ user, system }: Spent, profiles: readonly Profiler.Profile[]): Part[] {
  const shares = sharesOf(profiles, system / Math.max(user + system, 1))
  const parts = [...shares].map(([stage, share]): Part => ({ stage, micros: user * share }))
  return [...parts, { stage: 'the kernel', micros: system }]
}
