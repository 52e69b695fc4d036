import { expect, test } from 'vitest'
import { sideBySide } from '../../bench/side-by-side.ts'
import { CpuMeter } from '../../bench/systems/cpu-meter.ts'

/** Gives these values one after the other, and writes down whose turn it was. */
const giving = (turns: string[], name: string, values: readonly number[]) => {
  const left = [...values]
  return async (): Promise<number> => {
    turns.push(name)
    return left.shift() as number
  }
}

test('contenders take turns, the first round warms up, and a share is the median of those within a round', async () => {
  const turns: string[] = []
  const figures = await sideBySide('drain', 3, {
    lovage: giving(turns, 'lovage', [1_000, 10, 30, 20]),
    other: giving(turns, 'other', [1, 20, 20, 20]),
  })
  // Whoever begins is another one in each round.
  expect(turns.join(' ')).toBe('lovage other lovage other other lovage lovage other')
  expect(figures.map(({ what, value, unit }) => [what, value, unit])).toEqual([
    ['drain, lovage', 20, '/s'],
    ['drain, other', 20, '/s'],
    ['drain, to other', 1, 'x'],
  ])
  expect(figures[2]?.spread).toEqual([0.75, 1.25])
})

test('an aim of our own stands beside our rate, and one of a share beside the share', async () => {
  const figures = await sideBySide(
    'send',
    1,
    { lovage: async () => 5, other: async () => 10 },
    { aims: { lovage: { atLeast: 4 }, other: { atLeast: 0.9 } } },
  )
  expect(figures.map(({ aim }) => aim)).toEqual([{ atLeast: 4 }, undefined, { atLeast: 0.9 }])
})

test('what was taken while all warmed up is not told', async () => {
  const meter = new CpuMeter()
  const micros = [900, 10, 30, 20]
  const contend = async (): Promise<number> => {
    meter.add('lovage', micros.shift() as number, NaN, 64)
    return 1
  }
  const [ours] = await sideBySide('send', 3, { lovage: contend }, { meter })
  expect(ours).toMatchObject({ cpuMicros: 20, memoryMiB: 64 })
  // There is no server that could have taken anything.
  expect(ours).not.toHaveProperty('serverCpuMicros')
})

test('CPU time is that of the work, and of a process that contenders share no memory is told', async () => {
  const meter = new CpuMeter()
  let spent = 0
  await meter.measure(
    'lovage',
    1,
    () => [process.pid],
    async () => {
      const from = process.cpuUsage()
      for (let at = 0; at < 3_000_000; at++) spent += at % 7
      const { user, system } = process.cpuUsage(from)
      spent = user + system
    },
  )
  const { cpuMicros = 0, memoryMiB } = meter.of('lovage')
  expect(cpuMicros).toBeGreaterThanOrEqual(spent)
  expect(memoryMiB).toBeUndefined()
})
