import { expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Why } from '../../src/dashboard/api.ts'
import { WhyAnswers } from '../../src/dashboard/read/why-answers.ts'

const whyOf = (id: string): Why => ({ id, state: 'PENDING', reasons: [], unknown: [] })

it('queues are looked through for one who asks at a time, and once for all who ask for the same', async () => {
  let nowMs = 1_000
  const answers = new WhyAnswers({ ...systemClock, now: () => nowMs })
  let [running, most, asked] = [0, 0, 0]
  const ask = (id: string): Promise<Why> =>
    answers.get(id, async () => {
      asked++
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => systemClock.turn(resolve))
      running--
      if (id === 'bad') throw new Error('no broker')
      return whyOf(id)
    })
  const all = await Promise.allSettled(['a', 'b', 'a', 'bad', 'c', 'a'].map(ask))
  expect(all.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect([most, asked]).toEqual([1, 4])
  await ask('a')
  expect(asked).toBe(4)
  await expect(ask('bad')).rejects.toThrow('no broker')
  expect(asked).toBe(5)
  nowMs += 5_000
  expect(await ask('a')).toEqual(whyOf('a'))
  expect(asked).toBe(6)
})

it('no more answers are kept than some', async () => {
  const answers = new WhyAnswers(systemClock)
  let asked = 0
  const ask = (id: string): Promise<Why> => answers.get(id, () => Promise.resolve((asked++, whyOf(id))))
  for (let nth = 0; nth < 300; nth++) await ask(`t${nth}`)
  await ask('t0')
  expect(asked).toBe(301)
  await ask('t299')
  expect(asked).toBe(301)
})
