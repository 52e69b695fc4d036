import { systemClock } from '../../src/base/clock.ts'
import { KnownTasks } from '../../src/dashboard/tasks/known-tasks.ts'
import { eventText, joinEvents, readEvents } from '../../src/protocol/event.ts'
import type { BenchCase } from '../case.ts'
import { memoryOf } from '../cpu.ts'
import { percentilesOf } from '../side-by-side.ts'

/** Events of one message, as a worker gathers them. */
const BATCH = 99

/** What the dashboard takes in: messages with events, from their bytes to the task in the list. */
const ingest: BenchCase = async ({ tiny }) => {
  const tasks = tiny ? 3_300 : 330_000
  const messages: Uint8Array[] = []
  for (let from = 0; from < tasks; from += BATCH / 3) messages.push(messageOf(BATCH / 3))
  const index = new KnownTasks({
    maxTasks: tiny ? 1_000 : 200_000,
    maxTextBytes: 2 ** 28,
    clock: systemClock,
    queueOf: () => 'celery',
    actionsOf: () => [],
  })
  const began = process.cpuUsage()
  let count = 0
  for (const body of messages) {
    const { events } = readEvents({ contentType: 'application/json', body })
    const heardAtMs = systemClock.now()
    index.hear(events.map((event) => ({ ...event, heardAtMs })))
    count += events.length
  }
  const { user, system } = process.cpuUsage(began)
  const times: number[] = []
  for (let i = 0; i < (tiny ? 3 : 30); i++) {
    times.push(await timed(() => index.query('state:SUCCESS args:2 -name:"none"', { limit: 100 })))
  }
  const percentiles = percentilesOf(times)
  const perEvent = (user + system) / count
  return [
    {
      what: 'dashboard: events taken in, per CPU second',
      value: 1e6 / perEvent,
      unit: '/s',
      cpuMicros: perEvent,
      memoryMiB: memoryOf([process.pid]),
    },
    {
      what: `dashboard: a filter over ${index.size.toLocaleString('en-US')} tasks`,
      value: percentiles.p50,
      unit: 'ms',
      percentiles,
    },
  ]
}
export default ingest

function messageOf(tasks: number): Uint8Array {
  const texts: string[] = []
  const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, timestamp: systemClock.now() / 1000 }
  for (let nth = 0; nth < tasks; nth++) {
    const uuid = systemClock.uuid()
    const told = { name: 'shop.add', args: '(2, 3)', kwargs: '{}', root_id: uuid, retries: 0, eta: null }
    texts.push(eventText({ ...base, type: 'task-received', fields: { uuid, ...told } }))
    texts.push(eventText({ ...base, type: 'task-started', fields: { uuid } }))
    texts.push(eventText({ ...base, type: 'task-succeeded', fields: { uuid, result: '5', runtime: 0.0012 } }))
  }
  return joinEvents('one@here', texts).body
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}
