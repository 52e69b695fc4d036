// Writes numbers into a history and says each that is written, until it is killed.
import { systemClock } from '../../src/base/clock.ts'
import { Segments } from '../../src/dashboard/history/segments.ts'

const segments = new Segments(process.argv[2] as string, systemClock, { maxBytes: 2 ** 30, ageMs: 86_400_000 })
for (let nth = 0; ; nth++) {
  await segments.append([String(nth)])
  process.stdout.write(`${nth}\n`)
}
