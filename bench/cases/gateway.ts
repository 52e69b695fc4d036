import autocannon from 'autocannon'
import type { BenchCase, Figure } from '../case.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'The relay by hand sends answers that nobody confirms, and reads them without acknowledging. A request costs the gateway about 84 µs of CPU, a third of it system calls of its two sockets, the worker 40, and RabbitMQ 114.'

/** HTTP request to task to response, each part a process: ours beside relays written by hand over two clients. */
const gateway: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: 'gateway', leftOut: 'no RabbitMQ on this machine' }]
  const peers = await Promise.all([
    startPeer('our-gateway', amqpUrl, 'ours'),
    startPeer('relay-by-hand', 'bare', amqpUrl, 'bare'),
    startPeer('relay-by-hand', 'amqplib', amqpUrl, 'amqplib'),
    startPeer('our-worker', amqpUrl, 'ours'),
    startPeer('server-by-hand', 'bare', amqpUrl, 'bare'),
    startPeer('server-by-hand', 'amqplib', amqpUrl, 'amqplib'),
  ])
  const names = ['lovage', 'Fastify and bare speaker by hand', 'Fastify and amqplib by hand']
  const aims = { 'Fastify and bare speaker by hand': { atLeast: 0.8, why: WHY } }
  try {
    const figures: Figure[] = []
    for (const connections of tiny ? [16] : [64, 1_000]) {
      const load = (port: number) => async (): Promise<number> => {
        const url = `http://127.0.0.1:${port}/add?x=2&y=3`
        const result = await autocannon({ url, connections, duration: tiny ? 1 : 2, timeout: 20 })
        if (result.errors > 0 || result.non2xx > 0) {
          throw new Error(`${result.errors} errors, ${result.non2xx} answers that are not 2xx from ${url}`)
        }
        return result['2xx'] / result.duration
      }
      const contenders: Record<string, Contender> = {}
      for (const [i, name] of names.entries()) contenders[name] = load(portOf(peers[i]))
      const what = `gateway, ${connections.toLocaleString('en-US')} connections`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { aims })))
    }
    return figures
  } finally {
    for (const { child } of peers) await stopPeer(child)
  }
}

function portOf(peer: { said: unknown } | undefined): number {
  const said = peer?.said as { port: number } | undefined
  if (!said) throw new Error('the gateway said no port')
  return said.port
}
export default gateway
