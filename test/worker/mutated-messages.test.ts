import { expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import type { Message } from '../../src/protocol/message.ts'
import { plainHeader } from '../../src/protocol/headers.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { mutated } from '../property/mutated-messages.ts'
import { seeded } from '../property/random.ts'
import { capturedTasks } from '../protocol/captured.ts'
import { Bench } from './bench.ts'

const COUNT = 5_000
const SEED = 20_261_121

test(`${COUNT} random and mutated messages each end in an answer or in the dead letters, and the worker lives on`, async () => {
  // After the capture, so that what was to expire has.
  const clock = new VirtualClock({ startMs: Date.UTC(2027, 0, 1) })
  await using bench = new Bench({ clock, deadLetterMax: COUNT })
  const { app } = bench
  const names = new Set(
    ['5.2.6', '5.6.3'].flatMap((version) =>
      capturedTasks(version as '5.2.6').map((captured) => captured.properties.headers?.task),
    ),
  )
  names.delete(undefined)
  const known = [...names].map(String).slice(0, -2)
  for (const name of known) app.task(name, (...args: unknown[]) => args)
  let puts = 0
  bench.beforePut = () => void puts++
  const made = await bench.worker({ concurrency: 50 })

  const messages: Message[] = []
  for (let seed = SEED; messages.length < COUNT; seed++) {
    const message = mutated(seeded(seed))
    // Headers that no broker carries never reach a worker.
    const isSent = await bench.send(message).then(
      () => true,
      (error: unknown) => !isLovageError(error, 'ENCODE_FAILED'),
    )
    if (isSent) messages.push(message)
  }
  const inHand = (): number => {
    const { running, waiting, received, held } = made.stats()
    return running + waiting + Math.max(received, COUNT) - bench.logged('task done').length - buried().length - held
  }
  const buried = (): unknown[] => bench.logged('message moved to the dead letters')
  // What follows a task is a message too, and on its way for some turns.
  for (let turns = 0, quiet = 0; turns < 2_000 && quiet < 50; turns++) {
    await clock.play(100)
    quiet = inHand() > 0 ? 0 : quiet + 1
  }

  const { held, lost, received, dead } = made.stats()
  const done = bench.logged('task done')
  expect({ inHand: inHand(), lost }).toEqual({ inHand: 0, lost: 0 })
  expect(received).toBeGreaterThanOrEqual(COUNT)
  expect(done.length + buried().length + held).toBe(received)

  // Every kind of end occurs, so that the numbers above say something.
  const states = new Set(done.map(({ state }) => state))
  expect(states).toEqual(new Set(['SUCCESS', 'FAILURE', 'REVOKED']))
  expect(held).toBeGreaterThan(10)
  const letters = await bench.dead()
  expect(new Set(letters.map(({ reason }) => reason.code))).toEqual(
    new Set(['BODY_UNDECODABLE', 'CONTENT_REFUSED', 'MESSAGE_INVALID', 'TASK_UNKNOWN']),
  )

  // Who could be told was told, and what nobody could run is there to be looked at.
  const { broker } = await app.client()
  expect((await broker.admin?.depth('celery.dead'))?.messages).toBe(dead)
  expect(dead).toBe(buried().length + done.filter(({ ending }) => ending === 'dead').length)
  const ignored = messages.filter(({ headers }) => plainHeader(headers.ignore_result) === true).length
  expect(puts).toBeGreaterThan(done.length - ignored - 1)

  const sending = app.sendTask(known[0] as string, [1])
  const answer = sending.get()
  await clock.play(10)
  expect(await answer).toEqual([1])
  await made.stop()
  expect(await bench.depth()).toBe(held)
})
