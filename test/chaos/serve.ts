import { isLovageError } from '../../src/index.ts'
import { type Gateway, gateway } from '../../src/gateway/gateway.ts'
import type { Peer, SimulatedWorld } from '../../src/testing/testing.ts'
import type { Shop } from './shop.ts'

type World = SimulatedWorld<Shop>

/** What a gateway may answer when the network is as it is. */
const BAD_LUCK = [503, 504]

/** Most looks at a task that was accepted. */
const MOST_LOOKS = 30

interface Answer {
  readonly status: number
  readonly body: any
}

interface Opened {
  readonly peer: Peer<Shop>
  readonly gateway: Gateway
  readonly starting: Promise<void>
}

/** A gateway that may die or be stopped; the next request then goes to another, which takes its place. */
class Door {
  readonly #world: World
  #made = 0
  #now: Opened | undefined

  constructor(world: World) {
    this.#world = world
  }

  /** Undefined when the connection was reset, or no gateway could be opened. */
  async get(url: string, signal?: AbortSignal): Promise<Answer | undefined> {
    const { gateway: asked } = this.#open()
    try {
      const { statusCode, json } = await asked.inject({ url, signal: signal as never })
      return { status: statusCode, body: json() as unknown }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') return undefined
      throw error
    }
  }

  /** Stops the gateway, in the middle of its requests. */
  async close(): Promise<void> {
    const now = this.#now
    this.#now = undefined
    if (!now) return
    const { peer, gateway: stopped, starting } = now
    const orDead = (work: Promise<unknown>): Promise<unknown> => Promise.race([work, peer.gone])
    await orDead(starting)
    await orDead(stopped.stop())
    // What a client has hung up on may still be on its way to the broker.
    await orDead(peer.made.app.close())
    for (let looks = 0; stopped.inFlight > 0 && looks < 10; looks++) await this.#world.sleep(1_000)
    if (peer.isAlive && stopped.inFlight > 0) {
      throw new Error(`${peer.name} has stopped with ${stopped.inFlight} requests in flight`)
    }
    peer.kill()
  }

  #open(): Opened {
    if (this.#now?.peer.isAlive) return this.#now
    const peer = this.#world.peer(`gateway.${++this.#made}`, true)
    const { app, add, flaky, fail, resize } = peer.made
    const made = gateway(app, { timeout: '2m', exposeErrors: true }, peer)
      .get('/sum/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.y)] })
      .get('/flaky/:times', flaky, { args: ({ params }) => [Number(params.times)] })
      .get('/fail', fail)
      .get('/resize/:width', resize, { args: ({ params }) => [Number(params.width)], reply: 'accept' })
    const starting = made.start().catch((error: unknown) => {
      if (!isLovageError(error, 'BROKER_UNREACHABLE') && !isLovageError(error, 'BACKEND_UNREACHABLE')) throw error
    })
    return (this.#now = { peer, gateway: made, starting })
  }
}

/** Chance killed one worker after the other that had the message. */
function isWornOut(body: unknown): boolean {
  return JSON.stringify(body).includes('WorkerLostError')
}

async function expectAnswer(door: Door, url: string, status: number, results?: unknown): Promise<void> {
  const answer = await door.get(url)
  if (!answer || BAD_LUCK.includes(answer.status)) return
  const { status: found, body } = answer
  if (isWornOut(body)) return
  if (found !== status || (results !== undefined && body.results !== results)) {
    throw new Error(`${url} was answered with ${found}: ${JSON.stringify(body)}`)
  }
}

/** Hands in a task, and asks now and then what became of it. */
async function handIn(world: World, door: Door): Promise<void> {
  const accepted = await door.get('/resize/48')
  if (!accepted || BAD_LUCK.includes(accepted.status)) return
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const look = await door.get(String(accepted.body.location))
    // A gateway that came later has not heard of it.
    if (!look || look.status === 404 || BAD_LUCK.includes(look.status)) return
    if (look.body.state === 'SUCCESS' && look.body.result === 48) return
    if (isWornOut(look.body)) return
    if (look.body.ready) throw new Error(`the task that was handed in came to ${JSON.stringify(look.body)}`)
    await world.sleep(world.random() * 2_000)
  }
}

async function hangUp(world: World, door: Door): Promise<void> {
  const line = new AbortController()
  const asked = door.get('/flaky/2', line.signal)
  await world.sleep(world.random() * 100)
  line.abort()
  await asked
}

function visit(world: World, door: Door): Promise<void> {
  const draw = world.random()
  if (draw < 0.4) return expectAnswer(door, '/sum/2/40', 200, 42)
  if (draw < 0.55) return expectAnswer(door, '/flaky/1', 200, 1)
  if (draw < 0.65) return expectAnswer(door, '/fail', 500)
  if (draw < 0.75) return expectAnswer(door, '/readyz', 200)
  if (draw < 0.9) return handIn(world, door)
  return hangUp(world, door)
}

/** A gateway, and clients of it that ask over HTTP. */
export async function serve(world: World): Promise<void> {
  const door = new Door(world)
  const open: Promise<void>[] = []
  const begin = (work: Promise<void>): void => {
    // It is awaited in the end; until then its failure is not nobody's.
    work.catch(() => {})
    open.push(work)
  }
  for (let left = 1 + Math.floor(world.random() * 4); left > 0; left--) {
    begin(visit(world, door))
    await world.sleep(world.random() * 200)
    if (world.random() < 0.1) begin(door.close())
  }
  await Promise.all(open)
  await door.close()
}
