import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { eventExchange } from '../../src/fleet/exchange.ts'
import { EVENT_EXCHANGE, eventText, joinEvents, TASK_BATCH_KEY } from '../../src/protocol/event.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { type Board, openBoard } from './open-board.ts'

let clock: VirtualClock
let app: App
let board: Board
let sockets: Reader[]
beforeEach(async () => {
  sockets = []
  clock = new VirtualClock()
  app = lovage('shop', { broker: `memory://${systemClock.uuid()}` }, { env: {} })
  board = await openBoard({ maxClients: 2 }, { app, clock })
})
afterEach(async () => {
  for (const { socket } of sockets) socket.destroy()
  await board.close()
  await app.close()
})

interface Reader {
  readonly socket: Socket
  text: string
  bytes: number
  isClosed: boolean
}

/** One that looks at the newest tasks. */
function look(): Reader {
  const { port } = new URL(board.dashboard.url ?? '')
  const socket = connect(Number(port), '127.0.0.1', () =>
    socket.write('GET /api/v1/live?topics=tasks&limit=500 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
  )
  const reader: Reader = { socket, text: '', bytes: 0, isClosed: false }
  socket.setEncoding('latin1')
  socket.on('data', (part: string) => {
    reader.bytes += part.length
    // The end is what is looked at.
    reader.text = (reader.text + part).slice(-4 * 2 ** 20)
  })
  socket.on('error', () => {})
  socket.on('close', () => (reader.isClosed = true))
  sockets.push(reader)
  return reader
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(systemClock, 5)
}

/** 500 tasks with long arguments, and a second in which they are told of. */
async function second(nth: number): Promise<void> {
  const { broker } = await app.client()
  await broker.declare({ exchanges: [eventExchange(broker)] })
  const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, timestamp: clock.now() / 1000 }
  const texts = Array.from({ length: 500 }, () => {
    const fields = { uuid: systemClock.uuid(), name: `second-${nth}.`, args: 'x'.repeat(500), kwargs: 'y'.repeat(500) }
    return eventText({ ...base, type: 'task-received', fields })
  })
  const target = { exchange: EVENT_EXCHANGE, routingKey: TASK_BATCH_KEY }
  await broker.publish(joinEvents('one@here', texts), target, { mandatory: false })
  await clock.play(1_000)
}

it('gives who reads slowly the newest only, and keeps nothing for him meanwhile', { timeout: 300_000 }, async () => {
  const fast = look()
  const slow = look()
  await until(() => fast.text.includes('event: tasks') && slow.text.includes('event: tasks'))
  slow.socket.pause()
  const before = slow.bytes
  const SECONDS = 40
  for (let nth = 1; nth <= SECONDS; nth++) {
    await second(nth)
    await until(() => fast.text.includes(`second-${nth}.`))
  }
  slow.socket.resume()
  await until(() => slow.bytes > before)
  // Nothing more has happened, and he is told what was the last.
  while (!slow.text.includes(`second-${SECONDS}.`)) {
    await clock.play(1_000)
    await sleep(systemClock, 10)
  }
  // What sockets hold on their way is his; what came after that was left out.
  expect(slow.bytes).toBeLessThan(fast.bytes * 0.8)
})

it('cuts who does not read at all', { timeout: 300_000 }, async () => {
  const [fast, stuck] = [look(), look()]
  await until(() => fast.text.includes('event: tasks') && stuck.text.includes('event: tasks'))
  stuck.socket.pause()
  const left = new Promise((resolve) => stuck.socket.once('close', resolve))
  for (let nth = 1; nth <= 40; nth++) {
    await second(nth)
    await until(() => fast.text.includes(`second-${nth}.`))
  }
  await clock.play(90_000)
  stuck.socket.resume()
  await left
  expect(fast.isClosed).toBe(false)
})

it('takes in no more than `maxClients` at a time', { timeout: 300_000 }, async () => {
  const [one, other] = [look(), look()]
  await until(() => one.text.includes('event: hello') && other.text.includes('event: hello'))
  const { status, json } = await board.ask('/api/v1/live?topics=tasks')
  expect([status, json.code]).toEqual([503, 'READERS_TOO_MANY'])
  // Who leaves makes room.
  other.socket.destroy()
  for (;;) {
    const third = look()
    await until(() => third.isClosed || third.text.includes('\r\n\r\n'))
    if (third.text.includes('event: hello')) break
    third.socket.destroy()
  }
})
