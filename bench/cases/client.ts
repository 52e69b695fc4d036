import type { ChildProcess } from 'node:child_process'
import { bundle } from '../../scripts/bundle.mjs'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import type { BenchCase, Figure } from '../case.ts'
import { OUR_CLIENT } from '../peers/our-speaker.mjs'
import { sideBySide, startPeer, stopPeer } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { type QueueUser, type QueueUserOptions, withUsers } from '../systems/queue-user.ts'

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
  const folder = temporaryFolder('client')
  const echoes: ChildProcess[] = []
  const answered = async (who: string): Promise<QueueUserOptions> => {
    const { child } = await startPeer('echo', who, url, `echo.${who}`, folder)
    echoes.push(child)
    const args = [who, url, `full.${who}`, `echo.${who}`, folder]
    return { peer: 'client-user', args, others: () => [child.pid as number] }
  }
  try {
    await bundle(OUR_CLIENT, folder)
    const peers = { lovage: await answered('ours'), 'bare speaker': await answered('bare') }
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
    for (const child of echoes) await stopPeer(child)
    removeFolder(folder)
  }
}
export default client
