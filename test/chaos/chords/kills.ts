import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { type App, chord, lovage } from '../../../src/index.ts'
import { startChild } from '../../services/child.ts'
import { type Breed, Fleet } from '../rolling/fleet.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** Longest wait for the outcomes. */
const PATIENCE_MS = 10 * 60_000

/** Every so manyth chord has a member that fails. */
const FAILING = 5

/** Chords that are under way at a time. */
const AT_ONCE = 40

/** What became of the chords of a round. */
export interface ChordsKilled {
  readonly chords: number
  readonly kills: number
  /** Chords whose body came to what it should, or whose error did. */
  readonly right: number
  /** Chords whose error callback was to be called, and was. */
  readonly called: number
  /** Bodies of which a second copy, with the same id, came to a worker, and was dropped. */
  readonly secondCopiesDropped: number
  /** Bodies that began in two copies, which had the same id. */
  readonly begunInTwoCopies: number
  readonly callbacksSentTwice: number
  /** Bodies that began again, the same copy of them: the worker that ran them was killed. */
  readonly bodiesBegunAgain: number
  /** Bodies that began under an id that nobody waits for, or after one of their members failed. */
  readonly strangers: number
  /** Outcomes that were another when they were read again, where that can be. */
  readonly changed: number
  /** Queues of chords that were left over, on RabbitMQ over rpc. */
  readonly queuesLeft: number
}

/** Workers are killed at random while chords run. Resolves when each has come to something. */
export async function killWhileChordsRun(
  place: { readonly broker: string; readonly backend: string },
  options: { chords: number; members: number; workers: number; kills: number; random: () => number },
): Promise<ChordsKilled> {
  const { chords, members, workers, kills, random } = options
  const fleet = new Fleet(breedAt(place))
  const app = openApp(place)
  const { member, total, told } = tasksOf(app)
  const bodies = new Map<string, { group: string; fails: boolean }>()
  let done = 0
  let right = 0
  const one = async (nth: number): Promise<void> => {
    const fails = nth % FAILING === FAILING - 1
    const header = Array.from({ length: members }, (_, at) => member.s(at, fails && at === 1))
    const result = await chord(header, total.s()).linkError(told.s()).delay()
    bodies.set(result.id, { group: result.parent?.id ?? '', fails })
    const end = await result.get({ timeout: PATIENCE_MS }).catch((error: unknown) => String(error))
    const sum = (members * (members - 1)) / 2
    if (fails ? String(end).includes('Dependency') : end === sum) right++
    done++
  }
  try {
    await app.client()
    await fleet.start(workers)
    let next = 0
    let killed = 0
    // So many that some are under way at each kill, and that there are some left for the last.
    const isTooSoon = (): boolean =>
      killed < kills && next >= Math.min(chords - 1, (chords * (killed + 1)) / (kills + 1) + AT_ONCE / 2)
    const lane = async (): Promise<void> => {
      while (next < chords) {
        if (isTooSoon()) await sleep(systemClock, 2)
        else await one(next++)
      }
    }
    const running = Promise.all(Array.from({ length: Math.min(AT_ONCE, chords) }, lane))
    running.catch(() => {})
    for (; killed < kills && done < chords; killed++) {
      // At any moment between two kills, which are spread over all chords.
      const goal = Math.floor((chords * (killed + random())) / (kills + 1))
      while (done < goal) await sleep(systemClock, 2)
      await fleet.kill(random())
    }
    await running
    const failing = [...bodies].filter(([, { fails }]) => fails).map(([id]) => id)
    const calls = (): Map<string, Copies> => copiesOf(fleet.lines, 'told')
    const isCalled = (): boolean => {
      const of = new Set([...calls().values()].map(({ args }) => args))
      return failing.every((id) => [...of].some((args) => args.includes(id)))
    }
    const endMs = systemClock.monotonic() + 60_000
    while (!isCalled() && systemClock.monotonic() < endMs) await sleep(systemClock, 20)
    const begun = copiesOf(fleet.lines, 'body')
    const { changed, queuesLeft } = await readAgain(app, bodies)
    const all = [...begun.values()]
    const calledFor = [...calls().values()].map(({ args }) => args)
    return {
      chords,
      kills: killed,
      right,
      called: failing.filter((id) => calledFor.some((args) => args.includes(id))).length,
      secondCopiesDropped: new Set(fleet.lines.filter((line) => line.startsWith('dropped '))).size,
      begunInTwoCopies: all.filter(({ sent }) => sent.size > 1).length,
      callbacksSentTwice: [...calls().values()].filter(({ sent }) => sent.size > 1).length,
      bodiesBegunAgain: all.filter(({ sent, starts }) => starts > sent.size).length,
      strangers: [...begun.keys()].filter((id) => bodies.get(id)?.fails !== false).length,
      changed,
      queuesLeft,
    }
  } finally {
    await fleet.end()
    await app.close()
  }
}

interface Copies {
  /** When its copies were sent. */
  readonly sent: Set<string>
  starts: number
  args: string
}

function copiesOf(lines: readonly string[], what: string): Map<string, Copies> {
  const found = new Map<string, Copies>()
  for (const line of lines) {
    const [word, id = '', sent = '', ...args] = line.split(' ')
    if (word !== what) continue
    const copies = found.get(id) ?? { sent: new Set<string>(), starts: 0, args: args.join(' ') }
    copies.sent.add(sent)
    copies.starts++
    found.set(id, copies)
  }
  return found
}

/** What is kept of results is what it was; what is kept of chords is gone. */
async function readAgain(
  app: App,
  bodies: ReadonlyMap<string, { group: string; fails: boolean }>,
): Promise<{ changed: number; queuesLeft: number }> {
  const { broker, backend } = await app.client()
  let [changed, queuesLeft] = [0, 0]
  for (const [id, { group, fails }] of bodies) {
    // Over rpc a process knows the last that it has heard, and nothing is stored.
    const state = backend.kind === 'rpc' ? undefined : ((await backend.get(id))?.state ?? 'none')
    if (state !== undefined && state !== (fails ? 'FAILURE' : 'SUCCESS')) changed++
    if (broker.kind === 'amqp' && (await broker.admin?.depth(`lovage.chord.${group}`))) queuesLeft++
  }
  return { changed, queuesLeft }
}

function tasksOf(app: App) {
  return {
    member: app.remote<(x: number, fails: boolean) => number>('member'),
    total: app.remote<(xs: readonly number[]) => number>('total'),
    told: app.remote<(id: string) => void>('told'),
  }
}

function openApp({ broker, backend }: { broker: string; backend: string }): App {
  return lovage('chords', { broker, backend, publishTimeout: '60s', connectTimeout: '60s' }, { env: {} })
}

function breedAt({ broker, backend }: { broker: string; backend: string }): Breed {
  const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend }
  const args = ['scripts/run-ts.mjs', 'test/chaos/chords/worker-process.ts']
  return { start: () => startChild(process.execPath, args, { cwd: ROOT, env, name: 'worker' }), ready: /^ready$/ }
}
