import { lovage } from '../../src/index.ts'
import { type BrokerModel, type SimulateOptions, type SimulatedSurroundings, sleep } from '../../src/testing/testing.ts'
import { CanvasCalls, CanvasTasks, endOf, evaluate, hasError, plain, randomCanvas } from '../property/canvas-model.ts'

/** Canvases of one schedule. */
export const CANVASES = 2

interface Made {
  readonly app: ReturnType<typeof lovage>
  readonly tasks: CanvasTasks
}

/** One canvas that was sent. */
interface Sent {
  readonly seed: number
  readonly ran: readonly string[]
  readonly fails: boolean
  /** Sendings, each of which gives other ids. */
  attempts: number
}

/** Where chords are counted in each world: in queues on RabbitMQ, else with the results, or in the store. */
const SETTINGS = {
  amqp: { broker: 'amqp://simulated', backend: 'rpc://' },
  redis: { broker: 'redis://simulated', backend: 'redis://simulated' },
  embedded: {},
  memory: { broker: 'memory://simulated' },
} as const

/**
 * Random canvases while workers die, connections are lost, and messages come twice. Each comes to what the plain evaluator
 * says; what runs does so under one id, however often it is sent; what should not run does not; errors call back.
 * @param isCalm Nothing goes wrong: what runs does so once.
 */
export function canvasesOn(broker: BrokerModel, { isCalm = false } = {}): SimulateOptions<Made> {
  // One world lives at a time, and its canvases have its seed.
  const calls = new CanvasCalls()
  let sent: Sent[] = []
  return {
    brokers: [broker],
    app: (around: SimulatedSurroundings) => {
      const { clock } = around
      const app = lovage('canvases', { ...SETTINGS[broker], maxDeliveries: 1_000 }, around)
      return { app, tasks: new CanvasTasks(app, calls, () => sleep(clock, clock.random() * 200)) }
    },
    scenario: async ({ seed, client: { tasks }, insist, sleep: pause, random }) => {
      for (const map of [calls.ran, calls.ids, calls.told]) map.clear()
      sent = []
      const waits: Promise<void>[] = []
      for (let nth = 0; nth < CANVASES; nth++) {
        const own = seed * CANVASES + nth
        const node = randomCanvas(own)
        const ran: string[] = []
        const expected = evaluate(node, [], ran)
        const one: Sent = { seed: own, ran, fails: hasError(expected), attempts: 0 }
        sent.push(one)
        const result = await insist(() => {
          one.attempts++
          return tasks.canvas(node, own).delay()
        })
        const judged = insist(() => endOf(result, '12h')).then((end) => {
          const [told, wanted] = [JSON.stringify(plain(end)), JSON.stringify(plain(expected))]
          if (told !== wanted) throw new Error(`canvas ${JSON.stringify(node)}\ncame to ${told}\nand not ${wanted}`)
        })
        judged.catch(() => {})
        waits.push(judged)
        await pause(random() * 300)
      }
      await Promise.all(waits)
    },
    invariants: () => {
      for (const { seed, ran, fails, attempts } of sent) {
        const expected = new Set(ran)
        const own = [...calls.ran].filter(([label]) => label.startsWith(`${seed}.`))
        for (const [label, count] of own) {
          if (!expected.has(label)) throw new Error(`${label} ran, and should not`)
          if (isCalm && count !== 1) throw new Error(`${label} ran ${count} times`)
          const ids = calls.ids.get(label)?.size ?? 0
          if (ids > attempts) throw new Error(`${label} ran under ${ids} ids, and was sent ${attempts} times`)
        }
        if (own.length !== expected.size)
          throw new Error(`${expected.size - own.length} calls of canvas ${seed} never ran`)
        const told = calls.told.get(seed) ?? 0
        if (told > 0 !== fails) throw new Error(`the error callback of canvas ${seed} was called ${told} times`)
      }
    },
    workerOptions: { concurrency: 4, gracePeriod: '2s' },
    ...(isCalm && { faults: CALM }),
  }
}

/** Nothing strikes. */
const CALM = { crash: 0, stop: 0, stall: 0, cut: 0, restart: 0, closeChannel: 0, duplicate: 0, pause: 0, demote: 0 }
