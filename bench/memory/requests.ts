import { lovage } from 'lovage'
import { get, type Agent, Agent as HttpAgent } from 'node:http'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Figure } from '../case.ts'
import { memoryOf } from '../cpu.ts'
import { startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE } from '../systems/celery.ts'
import { hasTornado, startTornado } from '../systems/tornado.ts'
import { MIB, rest, type Size } from './size.ts'

/** What a gateway grows by while requests wait for their tasks, beside a relay written by hand and Tornado. */
export async function gateways(amqpUrl: string, size: Size, tiny: boolean): Promise<Figure[]> {
  const { requests, restMs } = size
  const ms = restMs + 3_500
  Object.assign(process.env, { BENCH_BROKER: amqpUrl, BENCH_QUEUE: 'weighed-site' })
  const gateway = await startPeer('site-gateway')
  const relay = await startPeer('relay-by-hand', 'bare', amqpUrl, 'weighed-bare')
  const workers = [
    await startPeer('site-worker', JSON.stringify({ concurrency: requests })),
    await startPeer('server-by-hand', 'bare', amqpUrl, 'weighed-bare', String(ms)),
  ]
  try {
    const figures: Figure[] = []
    for (const [name, { child, said }, path] of [
      ['lovage', gateway, `/rest?ms=${ms}`],
      ['Fastify and bare speaker by hand', relay, '/add'],
    ] as const) {
      const url = `http://127.0.0.1:${(said as { port: number }).port}${path}`
      const agent = new HttpAgent({ keepAlive: true, maxSockets: Infinity })
      await asked(url, agent)
      const { bytes, answers } = await growth(child.pid as number, url, agent, size)
      await Promise.all(answers)
      agent.destroy()
      figures.push(figure(name, bytes, requests))
    }
    // A trial of Tornado is in the case of its own.
    return tiny ? figures : [...figures, ...(await besideTornado(amqpUrl, size))]
  } finally {
    for (const { child } of [gateway, relay, ...workers]) await stopPeer(child)
  }
}

/** Nobody works for it: its tasks wait as long as it is looked at, and its requests end with it. */
async function besideTornado(broker: string, size: Size): Promise<Figure[]> {
  if (!hasTornado() || !hasService('celery') || !hasService('redis')) return []
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
    while (((await admin?.depth(CELERY_QUEUE))?.messages ?? 0) < count && performance.now() < until) await rest(100)
  } finally {
    await app.close()
  }
}

function figure(contender: string, value: number, requests: number): Figure {
  const group = 'memory, gateway, each waiting request'
  const note = `${requests.toLocaleString('en-US')} at a time, each on a connection of its own`
  return { what: `${group}, ${contender}`, value, unit: 'bytes', group, contender, note }
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
