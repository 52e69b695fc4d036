/** A crontab in numbers alone: what the oracle needs no parser for. */
export interface NumberCron {
  minute: number[]
  hour: number[]
  dayOfMonth: number[]
  monthOfYear: number[]
  dayOfWeek: number[]
}

const upTo = (least: number, most: number): number[] => Array.from({ length: most - least + 1 }, (_, i) => least + i)

/** A crontab of the kinds that people write, and of hours in which clocks are changed more often than of others. */
export function randomCron(random: () => number): NumberCron {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const some = (values: readonly number[], count: number): number[] =>
    [...new Set(Array.from({ length: count }, () => pick(values)))].sort((a, b) => a - b)
  const run = (values: readonly number[]): number[] => {
    const [one, other] = [pick(values), pick(values)]
    return values.filter((value) => value >= Math.min(one, other) && value <= Math.max(one, other))
  }
  const every = (values: readonly number[]): number[] => {
    const step = 1 + Math.floor(random() * 20)
    return values.filter((_, index) => index % step === 0)
  }
  const [minutes, hours, days] = [upTo(0, 59), upTo(0, 23), upTo(1, 31)]
  const cron = {
    minute: pick([() => [0], () => [30], () => some(minutes, 1), () => some(minutes, 5), () => every(minutes)])(),
    hour: pick([
      () => hours,
      () => [pick([0, 1, 2, 3, 23])],
      () => some(hours, 4),
      () => run(hours),
      () => every(hours),
    ])(),
    dayOfMonth: random() < 0.7 ? days : run(days),
    monthOfYear: random() < 0.9 ? upTo(1, 12) : run(upTo(1, 12)),
    dayOfWeek: random() < 0.6 ? upTo(0, 6) : some(upTo(0, 6), 4),
  }
  // The 31st of June alone is refused, as it should be, and says nothing about zones.
  const isPossible = cron.monthOfYear.some((month) => (cron.dayOfMonth[0] as number) <= (LENGTHS[month - 1] as number))
  return isPossible ? cron : randomCron(random)
}

/** Days of each month, at most. */
const LENGTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
