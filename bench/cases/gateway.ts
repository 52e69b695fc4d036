import autocannon from 'autocannon'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import type { BenchCase, Figure } from '../case.ts'
import { sideBySide, startPeer, stopPeer } from '../side-by-side.ts'

/** HTTP request to task to response, gateway and worker in processes of their own: ours beside Fastify and amqplib by hand. */
const gateway: BenchCase = async ({ tiny }) => {
  const node = await RabbitmqNode.start()
  const peers = await Promise.all([
    startPeer('our-gateway', node.url(), 'ours'),
    startPeer('bare-gateway', node.url(), 'bare'),
    startPeer('our-worker', node.url(), 'ours'),
    startPeer('bare-server', node.url(), 'bare'),
  ])
  const [ourPort, barePort] = peers.slice(0, 2).map(({ said }) => (said as { port: number }).port)
  try {
    const figures: Figure[] = []
    for (const connections of [64, 1_000]) {
      const load = (port: number | undefined) => async (): Promise<number> => {
        const url = `http://127.0.0.1:${port}/add?x=2&y=3`
        const result = await autocannon({ url, connections, duration: tiny ? 1 : 5, timeout: 20 })
        if (result.errors > 0 || result.non2xx > 0) {
          throw new Error(`${result.errors} errors, ${result.non2xx} answers that are not 2xx from ${url}`)
        }
        return result['2xx'] / result.duration
      }
      const [ours, theirs] = [load(ourPort), load(barePort)]
      await ours()
      await theirs()
      const what = `gateway, ${connections.toLocaleString('en-US')} connections`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, ours, theirs, 'Fastify and amqplib by hand')))
    }
    return figures
  } finally {
    for (const { child } of peers) await stopPeer(child)
    await node.remove()
  }
}
export default gateway
