import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deadline } from '../../src/base/clock.ts'
import { Window } from '../../src/base/window.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const isLost = (error: unknown): boolean => error instanceof Error && error.message === 'lost'

test('no more are on their way than there are places, in the order they came, whatever fails', async () => {
  const asked = fc.array(fc.constantFrom('answered', 'refused'), { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 8 }), asked, async (size, ends) => {
      const window = new Window(size, isLost)
      const begun: number[] = []
      let running = 0
      const told = await Promise.allSettled(
        ends.map((end, i) =>
          window.run(async () => {
            begun.push(i)
            expect(++running).toBeLessThanOrEqual(size)
            await Promise.resolve()
            running--
            if (end === 'refused') throw new Error('refused')
            return i
          }),
        ),
      )
      expect(begun).toEqual(ends.map((_, i) => i))
      expect(told.map(({ status }) => status)).toEqual(
        ends.map((end) => (end === 'answered' ? 'fulfilled' : 'rejected')),
      )
    }),
  )
})

test('who finds nobody there speaks for all that wait, and who comes later is on its way at once', async () => {
  const window = new Window(2, isLost)
  let fail: (error: Error) => void = () => {}
  const first = window.run(() => new Promise<void>((_, reject) => (fail = reject)))
  const second = window.run(() => new Promise<void>(() => {}))
  second.catch(() => {})
  const behind = [window.run(async () => 'a'), window.run(async () => 'b')]
  fail(new Error('lost'))
  expect((await Promise.allSettled([first, ...behind])).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
    'rejected',
  ])
  await expect(window.run(async () => 'later')).resolves.toBe('later')
})

test('a server that answers one after the other is not too late for those who ask all at once', async () => {
  const clock = new VirtualClock({ startMs: 0 })
  let free = 0
  // 10 answers a millisecond, in their order: the last of 2,000 comes after 200 ms.
  const ask = async (): Promise<void> => {
    free = Math.max(free, clock.monotonic()) + 0.1
    const at = free
    const answer = new Promise<void>((resolve) => clock.after(at - clock.monotonic(), resolve))
    await deadline(clock, answer, 100, () => new Error('late'))
  }
  const all = async (run: (ask: () => Promise<void>) => Promise<void>): Promise<number> => {
    const told = Promise.allSettled(Array.from({ length: 2_000 }, () => run(ask)))
    for (let ms = 0; ms < 400; ms++) {
      clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return (await told).filter(({ status }) => status === 'rejected').length
  }
  const window = new Window(200, isLost)
  expect(await all((work) => window.run(work))).toBe(0)
  expect(await all((work) => work())).toBeGreaterThan(500)
})
