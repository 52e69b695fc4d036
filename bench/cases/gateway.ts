import autocannon, { type Result } from 'autocannon'
import type { BenchCase, Figure } from '../case.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'The relay by hand sends answers that nobody confirms, and reads them without acknowledging. What a request takes of the CPU, in gateway and worker together and in RabbitMQ, stands beside the relay’s: all share two cores with who asks. A third of the gateway’s part is system calls of its two sockets.'

/**
 * HTTP request to task to response, each part a process: ours beside relays written by hand over two clients. CPU and memory
 * are those of gateway and worker together, but where the gateway is told alone; latencies are those that autocannon sees.
 */
const gateway: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: 'gateway', leftOut: 'no RabbitMQ on this machine' }]
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  const aims = { 'Fastify and bare speaker by hand': { atLeast: 0.8, why: WHY } }
  const parts = {
    lovage: [
      ['our-gateway', amqpUrl, 'ours'],
      ['our-worker', amqpUrl, 'ours'],
    ],
    'Fastify and bare speaker by hand': [
      ['relay-by-hand', 'bare', amqpUrl, 'bare'],
      ['server-by-hand', 'bare', amqpUrl, 'bare'],
    ],
    'Fastify and amqplib by hand': [
      ['relay-by-hand', 'amqplib', amqpUrl, 'amqplib'],
      ['server-by-hand', 'amqplib', amqpUrl, 'amqplib'],
    ],
  } as const
  const started: Peer[] = []
  try {
    const sites: Record<string, { port: number; pids: readonly number[] }> = {}
    for (const [name, peers] of Object.entries(parts)) {
      const [relay, worker] = await Promise.all(peers.map(([peer, ...args]) => startPeer(peer, ...args)))
      if (!relay || !worker) throw new Error(`${name} has no gateway or no worker`)
      started.push(relay, worker)
      const { port } = relay.said as { port: number }
      sites[name] = { port, pids: [relay.child.pid as number, worker.child.pid as number] }
    }
    const figures: Figure[] = []
    for (const connections of tiny ? [16] : [64, 1_000]) {
      const meter = new CpuMeter(() => broker)
      const relays = new CpuMeter()
      const times: Record<string, number[]> = {}
      const contenders: Record<string, Contender> = {}
      for (const [name, { port, pids }] of Object.entries(sites)) {
        const taken: number[] = (times[name] = [])
        const url = `http://127.0.0.1:${port}/add?x=2&y=3`
        contenders[name] = async () => {
          const load = (): Promise<Result> => answered({ url, connections, duration: tiny ? 1 : 3 }, taken)
          const count = (told: Result): number => told['2xx']
          const alone = (): Promise<Result> => relays.measureBy(name, () => pids.slice(0, 1), load, count)
          const result = await meter.measureBy(name, () => pids, alone, count)
          return result['2xx'] / result.duration
        }
      }
      const what = `gateway, ${connections.toLocaleString('en-US')} connections`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { aims, times, meter })))
      // The rounds that warm up are among these; the median bears it.
      const { cpuMicros: value = NaN } = relays.of('lovage')
      figures.push({ what: `${what}, CPU of our gateway alone, each request`, value, unit: 'µs' })
    }
    return figures
  } finally {
    for (const { child } of started) await stopPeer(child)
  }
}
export default gateway

type Peer = Awaited<ReturnType<typeof startPeer>>

/** Asks for it, each answer as it should be; puts the milliseconds of each into `taken`. */
async function answered(
  { url, connections, duration }: { url: string; connections: number; duration: number },
  taken: number[],
): Promise<Result> {
  const result = await new Promise<Result>((resolve, reject) => {
    const options = { url, connections, duration, timeout: 20, expectBody: '{"results":5}' }
    const load = autocannon(options, (error: unknown, told) => (error ? reject(error as Error) : resolve(told)))
    load.on('response', (_client, _status, _bytes, ms) => void taken.push(ms))
  })
  const { errors, non2xx, mismatches } = result
  if (errors + non2xx + mismatches > 0) {
    throw new Error(`${url}: ${errors} errors, ${non2xx} answers that are not 2xx, ${mismatches} that are not 5`)
  }
  return result
}
