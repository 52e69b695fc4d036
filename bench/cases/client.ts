import type { BenchCase, Figure } from '../case.ts'
import { sideBySide, startPeer, stopPeer } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { type QueueUser, withUsers } from '../systems/queue-user.ts'

/**
 * Our AMQP client alone, without broker, task and promise, beside a bare speaker that does only what the case needs, each in a
 * process of its own; who answers requests is another, on the same client.
 */
const client: BenchCase = async ({ tiny, amqpUrl: url }) => {
  if (!url) return [{ what: 'AMQP client', leftOut: 'no RabbitMQ on this machine' }]
  const broker = listenersOn(Number(new URL(url).port))
  const meter = new CpuMeter(() => broker)
  // Many short rounds: what else the machine does comes and goes.
  const rounds = tiny ? 1 : 11
  const count = tiny ? 200 : 5_000
  const echoes = await Promise.all([
    startPeer('echo', 'ours', url, 'echo.ours'),
    startPeer('echo', 'bare', url, 'echo.bare'),
  ])
  const [ours, bare] = echoes.map(({ child }) => () => [child.pid as number])
  const peers = {
    lovage: { peer: 'client-user', args: ['ours', url, 'full.ours', 'echo.ours'], others: ours },
    'bare speaker': { peer: 'client-user', args: ['bare', url, 'full.bare', 'echo.bare'], others: bare },
  }
  try {
    return await withUsers(peers, async (each) => {
      const figures: Figure[] = []
      const measure = async (
        what: string,
        run: (user: QueueUser, name: string, times: number[]) => Promise<number>,
      ): Promise<void> => {
        meter.forget()
        const times: Record<string, number[]> = Object.fromEntries(Object.keys(peers).map((name) => [name, []]))
        const contenders = each((user, name) => run(user, name, times[name] as number[]))
        figures.push(...(await sideBySide(`client: ${what}`, rounds, contenders, { meter, times })))
      }
      await measure('publish with headers, confirmed, 1,000 in flight', (user, name) =>
        user.sends(count, 1_000, meter, name),
      )
      await measure('consume with headers and ack, prefetch 100', async (user, name) => {
        await user.fill(count)
        return user.drains(count, meter, name)
      })
      for (const inFlight of tiny ? [64] : [64, 1_000]) {
        await measure(`request and reply, ${inFlight.toLocaleString('en-US')} in flight`, (user, name, times) =>
          user.calls(count, inFlight, meter, name, times),
        )
      }
      return figures
    })
  } finally {
    for (const { child } of echoes) await stopPeer(child)
  }
}
export default client
