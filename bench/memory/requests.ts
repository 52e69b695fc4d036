import { lovage } from 'lovage'
import { get, type Agent, Agent as HttpAgent } from 'node:http'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Figure, Row } from '../case.ts'
import { memoryOf } from '../cpu.ts'
import { startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE } from '../systems/celery.ts'
import { hasTornado, startTornado } from '../systems/tornado.ts'
import { MIB, rest, type Size } from './size.ts'

/** What a gateway grows by while requests wait for their tasks, beside a relay written by hand. */
export async function gateways(amqpUrl: string, size: Size): Promise<Row[]> {
  const { requests, restMs } = size
  const ms = restMs + 3_500
  Object.assign(process.env, { BENCH_BROKER: amqpUrl, BENCH_QUEUE: 'weighed-site' })
  const started: Awaited<ReturnType<typeof startPeer>>[] = []
  const start = async (name: string, ...args: string[]): Promise<(typeof started)[number]> => {
    const peer = await startPeer(name, ...args)
    started.push(peer)
    return peer
  }
  try {
    const gateway = await start('site-gateway')
    const relay = await start('relay-by-hand', 'bare', amqpUrl, 'weighed-bare')
    await start('site-worker', JSON.stringify({ concurrency: requests }))
    await start('server-by-hand', 'bare', amqpUrl, 'weighed-bare', String(ms))
    const rows: Row[] = []
    for (const [name, { child, said }, path] of [
      ['lovage', gateway, `/rest?ms=${ms}`],
      ['Fastify and bare speaker by hand', relay, '/add'],
    ] as const) {
      const url = `http://127.0.0.1:${(said as { port: number }).port}${path}`
      const agent = new HttpAgent({ keepAlive: true, maxSockets: Infinity })
      await asked(url, agent)
      const { bytes, answers } = await growth(child.pid as number, url, agent, size)
      const seen = performance.now()
      await Promise.all(answers)
      agent.destroy()
      // Each takes so long from the time at which it is in.
      const wereAllIn = performance.now() - seen <= ms
      const leftOut = 'not all requests may have been in when it was looked at: the machine was busy with others'
      rows.push(wereAllIn ? figure(name, bytes, requests) : { what: whatOf(name), leftOut })
    }
    return rows
  } finally {
    for (const { child } of started) await stopPeer(child)
  }
}

/** The same of Tornado. Nobody works for it: its tasks wait as long as it is looked at, and its requests end with it. */
export async function tornado(broker: string, size: Size): Promise<Row[]> {
  if (!hasTornado() || !hasService('celery') || !hasService('redis')) {
    return [{ what: whatOf('Tornado, poll'), leftOut: 'no Tornado with Celery and Redis on this machine' }]
  }
  const redis = await RedisNode.start()
  try {
    const { child, url } = await startTornado('poll', { broker, backend: redis.url() })
    const agent = new HttpAgent({ keepAlive: true, maxSockets: Infinity })
    try {
      const first = asked(`${url}/add`, agent).catch(() => {})
      await rest(size.restMs)
      const { bytes, answers } = await growth(child.pid, `${url}/add`, agent, size, () => taken(broker, size.requests))
      const ended = Promise.allSettled([first, ...answers])
      await child.kill()
      await ended
      return [figure('Tornado, poll', bytes, size.requests)]
    } finally {
      agent.destroy()
      await child.kill()
    }
  } finally {
    await redis.remove()
  }
}

async function growth(
  pid: number,
  url: string,
  agent: Agent,
  { requests }: Size,
  areAllIn = async (): Promise<void> => {},
): Promise<{ bytes: number; answers: Promise<void>[] }> {
  const before = memoryOf([pid])
  const answers = Array.from({ length: requests }, () => asked(url, agent))
  for (const answer of answers) answer.catch(() => {})
  await Promise.all([rest(1_500), areAllIn()])
  return { bytes: ((memoryOf([pid]) - before) * MIB) / requests, answers }
}

/** Resolves when as many tasks wait for Celery: Tornado takes requests slowly while it polls for others. */
async function taken(broker: string, count: number): Promise<void> {
  const app = lovage('bench', { broker, defaultQueue: CELERY_QUEUE })
  try {
    const { admin } = (await app.client()).broker
    const until = performance.now() + 60_000
    for (;;) {
      const { messages = 0 } = (await admin?.depth(CELERY_QUEUE)) ?? {}
      if (messages >= count) return
      if (performance.now() > until) throw new Error(`Tornado has taken ${messages} of ${count} requests in a minute`)
      await rest(100)
    }
  } finally {
    await app.close()
  }
}

const GROUP = 'memory, gateway, each waiting request'

function whatOf(contender: string): string {
  return `${GROUP}, ${contender}`
}

function figure(contender: string, value: number, requests: number): Figure {
  const note = `${requests.toLocaleString('en-US')} at a time, each on a connection of its own`
  return { what: whatOf(contender), value, unit: 'bytes', group: GROUP, contender, note }
}

function asked(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      response.resume()
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${response.statusCode}`)),
      )
    })
    request.once('error', reject)
  })
}
