import { expect, test } from 'vitest'
import { chord, currentTask, lovage } from '../../src/index.ts'
import { plainHeader } from '../../src/protocol/headers.ts'
import { simulate, type SimulatedSurroundings, sleep } from '../../src/testing/testing.ts'

const MEMBERS = 3

/** Chords of one schedule. */
const CHORDS = 3

/** Who has sent each message of a body that began, by its id. */
const senders = new Map<string, Set<string>>()

function makeApp({ clock, ...around }: SimulatedSurroundings) {
  const settings = { broker: 'amqp://simulated', backend: 'rpc://', maxDeliveries: 1_000 }
  const app = lovage('bodies', settings, { clock, ...around })
  const pause = (): Promise<void> => sleep(clock, clock.random() * 100)
  const member = app.task('member', (x: number) => pause().then(() => x))
  const body = app.task('body', async (xs: readonly number[]) => {
    const { id, request } = currentTask()
    const from = senders.get(id) ?? new Set()
    senders.set(id, from.add(String(plainHeader(request.custom['x-lovage-sent']))))
    await pause()
    return xs.length
  })
  return { app, member, body }
}

test(
  'the body of a chord in a queue begins from one message, whoever dies but the broker',
  { timeout: 300_000 },
  async () => {
    const { starts, tasks, faults } = await simulate({
      app: makeApp,
      brokers: ['amqp'],
      seed: 1,
      schedules: 60,
      workerOptions: { concurrency: 4, gracePeriod: '2s' },
      faults: { restart: 0, duplicate: 0 },
      scenario: async ({ client: { member, body }, insist }) => {
        senders.clear()
        const results = []
        for (let nth = 0; nth < CHORDS; nth++) {
          const header = Array.from({ length: MEMBERS }, (_, x) => member.s(x))
          results.push(await insist(() => chord(header, body.s()).delay()))
        }
        for (const result of results) {
          const count = await insist(() => result.get({ timeout: '12h' }))
          if (count !== MEMBERS) throw new Error(`a body was given ${count} values`)
        }
      },
      invariants: () => {
        for (const [id, from] of senders)
          if (from.size > 1) throw new Error(`body ${id} began from ${from.size} messages`)
      },
    })
    expect(starts).toBeGreaterThan(tasks)
    expect(faults.crash).toBeGreaterThan(40)
  },
)
