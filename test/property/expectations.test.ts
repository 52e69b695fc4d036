import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Expectation } from '../../src/backend/backend.ts'
import { Expectations } from '../../src/backend/expectations.ts'
import { isReady } from '../../src/protocol/outcome.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const step = fc.oneof(
  fc.record({ do: fc.constant('open' as const), id }),
  fc.record({ do: fc.constant('close' as const), id }),
  fc.record({ do: fc.constant('forget' as const), id }),
  fc.record({ do: fc.constant('take' as const), id, state: fc.constantFrom('STARTED', 'RETRY', 'SUCCESS', 'FAILURE') }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 700 }) }),
)

test('whatever happens, slots stay within their bound, and each holder gets one end: an outcome, or why there is none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, keepsSettled) => {
      const clock = new VirtualClock()
      const expectations = new Expectations({ clock, max: 3, keepsSettled, maxAgeMs: 1_000 })
      const held: { id: string; expectation: Expectation; first: string | undefined }[] = []
      let number = 0
      for (const now of steps) {
        if (now.do === 'open') held.push({ id: now.id, expectation: expectations.open(now.id), first: undefined })
        else if (now.do === 'close') held.find((one) => one.id === now.id)?.expectation.close()
        else if (now.do === 'forget') expectations.forget(now.id)
        else if (now.do === 'wait') clock.advance(now.ms)
        else {
          const traceback = `${++number}`
          expectations.take({ id: now.id, state: now.state, result: { value: null }, traceback })
        }
        expect(expectations.size).toBeLessThanOrEqual(3)
        for (const one of held) {
          const { latest } = one.expectation
          if (latest && isReady(latest.state)) one.first ??= latest.traceback ?? ''
          // Once there is a final outcome it stays as it is.
          if (one.first !== undefined) expect(latest?.traceback).toBe(one.first)
        }
      }
      expectations.clear(new Error('the end'))
      expect(clock.waiting).toBe(0)
      for (const { expectation, first } of held) {
        const end = await expectation.done.then(
          ({ traceback }) => traceback,
          () => undefined,
        )
        expect(end ?? undefined).toBe(first)
      }
    }),
  )
})
