import { getEventListeners } from 'node:events'
import { expect, test, vi } from 'vitest'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { onAbort } from '../../src/base/on-abort.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** Node looks through all listeners of a signal for each that comes or goes, and that for each wait is what must not be. */
const MANY = 60_000

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

test('all who wait for a signal are called when it aborts, in order and once', () => {
  const controller = new AbortController()
  const called: string[] = []
  onAbort(controller.signal, () => called.push('one'))
  onAbort(controller.signal, () => called.push('two'))
  controller.abort()
  controller.abort()
  expect(called).toEqual(['one', 'two'])
})

test('who waits no longer is not called, and a signal for which nobody waits has no listener', () => {
  const controller = new AbortController()
  const called: string[] = []
  const forgetOne = onAbort(controller.signal, () => called.push('one'))
  const forgetTwo = onAbort(controller.signal, () => called.push('two'))
  forgetOne()
  forgetOne()
  expect(listeners(controller.signal)).toBe(1)
  forgetTwo()
  expect(listeners(controller.signal)).toBe(0)
  onAbort(controller.signal, () => called.push('three'))
  forgetTwo()
  controller.abort()
  expect(called).toEqual(['three'])
})

test('one that is called may end the wait of another', () => {
  const controller = new AbortController()
  const called: string[] = []
  onAbort(controller.signal, () => {
    called.push('one')
    forget()
  })
  const forget = onAbort(controller.signal, () => called.push('two'))
  controller.abort()
  expect(called).toEqual(['one'])
})

test('60,000 waits that one signal would end have one listener on it, and one that comes and goes', async () => {
  const clock = new VirtualClock()
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  const waits = Array.from({ length: MANY }, (_, index) => sleep(clock, 1 + (index % 1_000), signal))
  expect(listeners(signal)).toBe(1)
  clock.advance(1_000)
  await Promise.all(waits)
  expect(listeners(signal)).toBe(0)
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1])
})

test('60,000 waits end when their signal aborts', async () => {
  const controller = new AbortController()
  const removed = vi.spyOn(controller.signal, 'removeEventListener')
  const reason = new Error('enough')
  const ended = Promise.allSettled(Array.from({ length: MANY }, () => sleep(systemClock, 60_000, controller.signal)))
  controller.abort(reason)
  expect((await ended).every((wait) => wait.status === 'rejected' && wait.reason === reason)).toBe(true)
  expect(removed).not.toHaveBeenCalled()
})
