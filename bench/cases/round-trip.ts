import type { ChildProcess } from 'node:child_process'
import type { BenchCase, Figure } from '../case.ts'
import { type Beside, sideBySide, startPeer, stopPeer } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { type QueueUser, type QueueUserOptions, withUsers } from '../systems/queue-user.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'A result is confirmed before its task is acknowledged, and is acknowledged itself, for which RabbitMQ writes it down; each call has an id, a header table, a deadline and a promise of its own. What that takes of the CPU, in caller and worker together and in RabbitMQ, stands beside the bare ones’: all share two cores.'

/** Calls of each before any is measured: one in flight comes first, and would be timed on code that nobody has compiled yet. */
const WARM_UP = 5_000

/**
 * A task sent, run in another process, and its result here: ours beside a bare speaker and amqplib on both ends, each caller
 * and each worker in a process of its own. CPU and memory are those of both. Every call must have its answer, and it is looked
 * into.
 */
const roundTrip: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: 'round trip', leftOut: 'no RabbitMQ on this machine' }]
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  const workers: ChildProcess[] = []
  const beside = async (peer: string, args: readonly string[], worker: readonly [string, ...string[]]) => {
    const { child } = await startPeer(...worker)
    workers.push(child)
    return { peer, args, others: () => [child.pid as number] } satisfies QueueUserOptions
  }
  try {
    const peers = {
      lovage: await beside('lovage-user', [amqpUrl, '', 'ours'], ['our-worker', amqpUrl, 'ours']),
      'bare speaker': await beside('amqp-user', ['bare', amqpUrl, 'bare'], ['server-by-hand', 'bare', amqpUrl, 'bare']),
      amqplib: await beside(
        'amqp-user',
        ['amqplib', amqpUrl, 'amqplib'],
        ['server-by-hand', 'amqplib', amqpUrl, 'amqplib'],
      ),
    }
    return await withUsers(peers, async (each, users) => {
      for (const user of Object.values(users)) await warmUp(user, tiny ? 100 : WARM_UP)
      const figures: Figure[] = []
      for (const inFlight of tiny ? [1, 64] : [1, 64, 1_000]) {
        const count = tiny ? 100 : inFlight === 1 ? 500 : 4_000
        const times = Object.fromEntries(Object.keys(peers).map((name) => [name, [] as number[]]))
        const meter = new CpuMeter(() => broker)
        const contenders = each((user, name) => user.calls(count, inFlight, meter, name, times[name]))
        const what = `round trip, ${inFlight.toLocaleString('en-US')} in flight`
        figures.push(...(await sideBySide(what, tiny ? 1 : 9, contenders, { times, meter, ...aimsOf(inFlight) })))
        for (const figure of figures) noteAnswers(figure, times)
      }
      return figures
    })
  } finally {
    for (const child of workers) await stopPeer(child)
  }
}
export default roundTrip

/** One call first: those by hand open what they answer on with it. */
async function warmUp(user: QueueUser, count: number): Promise<void> {
  const unread = new CpuMeter()
  await user.calls(1, 1, unread, 'warm')
  await user.calls(count, 64, unread, 'warm')
}

/** One at a time it is the time that counts, of many their number. */
function aimsOf(inFlight: number): Beside {
  return inFlight === 1
    ? { latencyAims: { 'bare speaker': { atMost: 1.3, why: WHY } } }
    : { aims: { 'bare speaker': { atLeast: 0.8, why: WHY } } }
}

/** A call without its answer would have failed the case. */
function noteAnswers(figure: Figure, times: Readonly<Record<string, readonly number[]>>): void {
  if (figure.unit !== '/s' || figure.note !== undefined) return
  const calls = times[figure.contender ?? '']?.length ?? 0
  figure.note = `${calls.toLocaleString('en-US')} calls, none without its answer`
}
