import { expect, test } from 'vitest'
import { Expectations, type ExpectationsOptions } from '../../src/backend/expectations.ts'
import { success, told } from '../../src/testing/backend-suite.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

function newExpectations(options: Partial<ExpectationsOptions> = {}): {
  clock: VirtualClock
  expectations: Expectations
} {
  const clock = new VirtualClock()
  const expectations = new Expectations({ clock, max: 10, keepsSettled: true, maxAgeMs: 1_000, ...options })
  return { clock, expectations }
}

test('a slot that was not settled in time is given up, a younger one is not', async () => {
  const { clock, expectations } = newExpectations()
  const old = expectations.open('old')
  clock.advance(600)
  const young = expectations.open('young')
  clock.advance(400)
  await expect(old.done).rejects.toMatchObject({ code: 'RESULT_FORGOTTEN', details: { id: 'old' } })
  expect(expectations.size).toBe(1)
  expectations.take(success('young', 1))
  expect((await young.done).state).toBe('SUCCESS')
})

test('a settled slot is kept as long, counted from when it was settled', () => {
  const { clock, expectations } = newExpectations()
  expectations.open('a')
  clock.advance(900)
  expectations.take(success('a', 1))
  clock.advance(999)
  expect(expectations.latest('a')?.state).toBe('SUCCESS')
  clock.advance(1)
  expect(expectations.latest('a')).toBeUndefined()
  expect(expectations.size).toBe(0)
})

test('when all slots are gone no timer is left, and a new slot ages as the first did', async () => {
  const { clock, expectations } = newExpectations()
  expectations.open('a').close()
  clock.advance(1_000)
  expect(clock.waiting).toBe(0)
  const later = expectations.open('b')
  expect(clock.waiting).toBe(1)
  clock.advance(1_000)
  await expect(later.done).rejects.toMatchObject({ code: 'RESULT_FORGOTTEN' })
})

test('what is kept for late callers is bounded by its size too', () => {
  const { expectations } = newExpectations()
  for (const id of ['a', 'b', 'c']) {
    expectations.open(id)
    expectations.take(success(id, id), 30 * 2 ** 20)
  }
  expect(['a', 'b', 'c'].map((id) => expectations.latest(id)?.state)).toEqual([undefined, 'SUCCESS', 'SUCCESS'])
  expectations.forget('b')
  expectations.open('d')
  expectations.take(success('d', 'd'), 30 * 2 ** 20)
  expect(['c', 'd'].map((id) => expectations.latest(id)?.state)).toEqual(['SUCCESS', 'SUCCESS'])
})

test('settled slots are not kept where results are stored elsewhere, and who holds one has it all the same', async () => {
  const { expectations } = newExpectations({ keepsSettled: false })
  const expectation = expectations.open('a')
  expectations.take(success('a', 1))
  expect(expectations.size).toBe(0)
  expect((await expectation.done).state).toBe('SUCCESS')
  expect(expectation.latest?.state).toBe('SUCCESS')
})

test('it is told whether anybody wanted an outcome', () => {
  const { expectations } = newExpectations()
  expectations.open('a')
  expect(expectations.take(told('a', 'STARTED', {}))).toBe(true)
  expect(expectations.take(success('a', 1))).toBe(true)
  expect(expectations.take(success('a', 2))).toBe(true)
  expect(expectations.take(success('b', 1))).toBe(false)
})

test('forgetting what is not settled drops what was told and goes on waiting', async () => {
  const { expectations } = newExpectations()
  const expectation = expectations.open('a')
  expectations.take(told('a', 'STARTED', {}))
  expectations.forget('a')
  expect(expectation.latest).toBeUndefined()
  expectations.take(success('a', 1))
  expect((await expectation.done).state).toBe('SUCCESS')
})

test('clearing tells all who wait, also those who ask afterwards', async () => {
  const { clock, expectations } = newExpectations()
  const one = expectations.open('a')
  const settled = expectations.open('b')
  expectations.take(success('b', 1))
  expectations.clear(new Error('the end'))
  await expect(one.done).rejects.toThrow('the end')
  expect((await settled.done).state).toBe('SUCCESS')
  expect(clock.waiting).toBe(0)
  one.close()
  await expect(one.done).rejects.toThrow('the end')
})
