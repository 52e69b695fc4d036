// Tells what a fleet of 20 workers does, as Celery's events, to the broker of its first argument: `<url> <tasks> <tasks a
// second>`, 0 of them as fast as it goes. Prints how many events the broker has taken.
import { Redis } from 'ioredis'
import { lovage } from '../../../src/app/app.ts'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { eventExchange } from '../../../src/fleet/exchange.ts'
import {
  type CeleryEvent,
  encodeEvent,
  EVENT_EXCHANGE,
  eventKey,
  eventText,
  joinEvents,
  TASK_BATCH_KEY,
} from '../../../src/protocol/event.ts'

const [url = '', tasks = '0', perSecond = '0'] = process.argv.slice(2)
const WORKERS = 20
/** What a worker gathers into one message. */
const GATHERED = 20
/** One in so many fails. */
const FAILS = 25
/** What the broker holds for a reader that is slower than this, at most. */
const MOST_BEHIND_BYTES = 4 * 2 ** 20

const app = lovage('teller', { broker: url }, { env: {} })
const { broker } = await app.client()
await broker.declare({ exchanges: [eventExchange(broker)] })
const asker = broker.kind === 'redis' ? new Redis(url) : undefined

let sent = 0
let clock = 0
const onTheirWay = new Set<Promise<void>>()

function event(hostname: string, type: string, fields: Record<string, unknown>): CeleryEvent {
  return { hostname, utcoffset: 0, pid: 1, clock: ++clock, type, timestamp: systemClock.now() / 1000, fields }
}

function publish(message: ReturnType<typeof encodeEvent>, routingKey: string, count: number): void {
  const taken: Promise<void> = broker
    .publish(message, { exchange: EVENT_EXCHANGE, routingKey }, { mandatory: false })
    .then(() => {
      sent += count
      onTheirWay.delete(taken)
    })
  onTheirWay.add(taken)
}

const nameOf = (nth: number): string => `celery@w${nth % WORKERS}`

function beat(): void {
  for (let nth = 0; nth < WORKERS; nth++) {
    const fields = { freq: 2, sw_ident: 'py-celery', sw_ver: '5.6.3', sw_sys: 'Linux', active: 1, processed: clock }
    publish(
      encodeEvent(event(nameOf(nth), 'worker-heartbeat', { ...fields, loadavg: [0.5, 0.4, 0.3] })),
      'worker.heartbeat',
      1,
    )
  }
}

/** The events of so many tasks of one worker. */
function tell(nth: number, count: number): void {
  const worker = nameOf(nth)
  const texts: string[] = []
  const add = (type: string, fields: Record<string, unknown>): void =>
    void texts.push(eventText(event(worker, type, fields)))
  for (let one = 0; one < count; one++) {
    const uuid = systemClock.uuid()
    const name = `shop.task${(nth + one) % 30}`
    const about = { uuid, name, args: `(${clock}, 'hello')`, kwargs: "{'to': 'ann'}", root_id: uuid, parent_id: null }
    const more = { retries: 0, eta: null, expires: null }
    const route = { queue: 'celery', exchange: '', routing_key: 'celery' }
    publish(encodeEvent(event('gen1@client', 'task-sent', { ...about, ...more, ...route })), eventKey('task-sent'), 1)
    add('task-received', { ...about, ...more })
    add('task-started', { uuid })
    if ((nth + one) % FAILS === 0) {
      const traceback =
        'Traceback (most recent call last):\n  File "tasks.py", line 7, in task\nValueError: out of stock'
      add('task-failed', { uuid, exception: "ValueError('out of stock')", traceback })
    } else add('task-succeeded', { uuid, result: String(clock), runtime: 0.0123 })
  }
  publish(joinEvents(worker, texts), TASK_BATCH_KEY, texts.length)
}

/** Waits while the broker holds much for a reader. */
async function waitForReaders(): Promise<void> {
  for (;;) {
    await Promise.all(onTheirWay)
    const clients = asker ? String(await asker.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) : ''
    const behind = [...clients.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes))
    if (Math.max(0, ...behind) < MOST_BEHIND_BYTES) return
    await sleep(systemClock, 5)
  }
}

const all = Number(tasks)
const rate = Number(perSecond)
const from = systemClock.monotonic()
let told = 0
let beatenMs = -Infinity
for (let nth = 0; told < all; nth++) {
  const nowMs = systemClock.monotonic() - from
  if (nowMs - beatenMs >= 2_000) {
    beat()
    beatenMs = nowMs
  }
  const due = rate === 0 ? told + GATHERED : Math.floor((nowMs / 1000) * rate)
  const count = Math.min(GATHERED, all - told, due - told)
  if (count <= 0) await sleep(systemClock, 5)
  else {
    tell(nth, count)
    told += count
    // Many are on their way at a time, and not all of them.
    if (rate === 0 && nth % 20 === 19) await waitForReaders()
    else if (onTheirWay.size > 2_000) await Promise.all(onTheirWay)
  }
}
await Promise.all(onTheirWay)
process.stdout.write(`told ${sent} in ${Math.round(systemClock.monotonic() - from)} ms\n`)
asker?.disconnect()
await app.close()
