import assert from 'node:assert/strict'
import { beat, every, openLedger } from '../../../src/beat/beat.ts'
import { type App, currentTask, lovage } from '../../../src/index.ts'
import { ONCE_HEADER, plainHeader } from '../../../src/protocol/headers.ts'
import { simulate, type SimulatedWorld, type Simulation } from '../../../src/testing/testing.ts'

/** What all processes of one world have done. */
class Deeds {
  /** By id of the task: the marks of the messages that were run. One that comes again has the same. */
  readonly marks = new Map<string, Set<unknown>>()
  isOver = false
}

interface Made {
  readonly app: App
}

const ENTRIES = 3
const EVERY_MS = 2_000

/** What the worlds of one simulation have in common; they are played one after the other. */
let deeds = new Deeds()

function makeApp(around: Parameters<typeof lovage>[2]): Made {
  const app = lovage('ticks', { broker: 'memory://ticks', store: 'memory://ticks' }, around)
  app.task('tick', { ignoreResult: true }, () => {
    const { id, request } = currentTask()
    const marks = deeds.marks.get(id) ?? new Set()
    deeds.marks.set(id, marks.add(plainHeader(request.custom[ONCE_HEADER])))
  })
  return { app }
}

async function play(world: SimulatedWorld<Made>): Promise<void> {
  deeds = new Deeds()
  const own = deeds
  const { app } = world.client
  const { clock } = world
  const ledger = await openLedger(app, { clock })
  const sig = app.remote<() => void>('tick').s()
  const begins = new Map<string, number>()
  for (let nth = 0; nth < ENTRIES; nth++) {
    const { name, state } = await world.insist(() =>
      ledger.put(`entry ${nth}`, every(EVERY_MS, sig, { missed: 'all' })),
    )
    begins.set(name, state.cursorMs)
  }
  const start = (name: string): void => {
    const peer = world.peer(name, true)
    const service = beat(peer.made.app, {}, { lease: '1s', maxInterval: '5s' }, { clock: peer.clock })
    service.start().catch(() => peer.kill())
    void peer.gone.then(() => own.isOver || start(`${name}+`))
  }
  for (const name of ['a', 'b', 'c']) start(name)
  const untilMs = clock.now() + 20_000
  for (;;) {
    await world.sleep(500)
    const entries = await world.insist(() => ledger.all())
    if (entries.every(({ state }) => state.cursorMs >= untilMs)) break
  }
  own.isOver = true
  const ids: string[] = []
  for (const [name, from] of begins) {
    for (let dueMs = (Math.floor(from / EVERY_MS) + 1) * EVERY_MS; dueMs <= untilMs; dueMs += EVERY_MS) {
      ids.push(ledger.idsOf(name, `0 ${dueMs}`)())
    }
  }
  while (!ids.every((id) => own.marks.has(id))) await world.sleep(500)
  for (const [id, marks] of own.marks) assert.equal(marks.size, 1, `two messages of tick ${id} were run`)
}

/** Beats and workers die, stand still and lose their connections: each tick comes, and one message of each is run. */
export function simulateBeats(seed: number, schedules: number): Promise<Simulation> {
  return simulate<Made>({
    seed,
    schedules,
    brokers: ['memory', 'amqp', 'redis'],
    workers: 2,
    app: makeApp,
    scenario: play,
    deadlineMs: 600_000,
  })
}
