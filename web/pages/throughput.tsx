import type { Overview } from '../../src/dashboard/api.ts'
import Chart from '../parts/chart.tsx'
import { count, rate } from '../parts/numbers.ts'
import { Shape } from '../parts/state.tsx'

/** From the bottom up. */
const LINES = [
  { name: 'succeeded', tone: 'ok' },
  { name: 'retried', tone: 'warn' },
  { name: 'failed', tone: 'bad' },
  { name: 'revoked', tone: 'off' },
] as const

/** What became of tasks over time, a second, one upon the other. */
export default function Throughput({ series }: { series: Overview['series'] }) {
  const { stepMs, buckets } = series
  const seconds = stepMs / 1_000
  const lines = LINES.map(({ name, tone }) => ({
    name,
    color: `--${tone}`,
    values: buckets.map((bucket) => bucket[name] / seconds),
  }))
  const total = (name: (typeof LINES)[number]['name']): number => buckets.reduce((sum, bucket) => sum + bucket[name], 0)
  const words = LINES.map(({ name }) => `${count(total(name))} ${name}`)
  return (
    <>
      <Chart
        label={`Throughput: ${words.join(', ')}`}
        times={buckets.map(({ atMs }) => atMs)}
        lines={lines}
        isStacked
        height={172}
        format={rate}
      />
      <ul class="legend">
        {LINES.map(({ name, tone }) => (
          <li key={name}>
            <Shape tone={tone} /> {name} <b>{count(total(name))}</b>
          </li>
        ))}
      </ul>
    </>
  )
}
