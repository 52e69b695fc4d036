// A task's life as one bar: how long it waited in its queue, with a worker, for its time, and how long it ran.
import type { Stretch } from '../../src/dashboard/api.ts'
import { now } from '../live/clock.ts'
import { clock, duration } from './numbers.ts'
import { toneOf } from './state.tsx'

const WORDS: Readonly<Record<Stretch['kind'], string>> = {
  queued: 'in the queue',
  prefetched: 'with a worker',
  running: 'running',
  waiting: 'waiting for its time',
}

/** Even the shortest stretch is seen. */
const LEAST = 0.012

export function Anatomy({ stretches, state }: { stretches: readonly Stretch[]; state: string }) {
  const at = now.value
  const first = stretches[0]
  if (!first) return <p class="faint anatomy">No event of its life was heard.</p>
  const lengths = stretches.map(({ fromMs, toMs }) => Math.max(0, (toMs ?? at) - fromMs))
  const total = Math.max(
    1,
    lengths.reduce((sum, length) => sum + length, 0),
  )
  const isOver = stretches.every(({ toMs }) => toMs !== null)
  return (
    <section class="anatomy" aria-label="Its life">
      <ol class={`bar end-${toneOf(state)}`}>
        {stretches.map(({ kind, fromMs, toMs, attempt }, index) => {
          const length = lengths[index] ?? 0
          const text = `${WORDS[kind]} ${duration(length)}${attempt > 0 ? `, try ${attempt + 1}` : ''}`
          return (
            <li
              key={`${fromMs}${kind}`}
              class={`kind-${kind} ${toMs === null ? 'lasts' : ''}`}
              title={`${clock(fromMs)} ${text}`}
              style={{ flexGrow: String(Math.max(LEAST, length / total)) }}
            >
              <span>{kind}</span> <b>{duration(length)}</b>
            </li>
          )
        })}
      </ol>
      <p class="faint">
        <time>{clock(first.fromMs)}</time>
        <span>{isOver ? `${duration(total)} in all` : `${duration(total)} so far`}</span>
        <time>{isOver ? clock(Math.max(...stretches.map(({ toMs }) => toMs ?? 0))) : 'now'}</time>
      </p>
      <ul class="legend" aria-label="Stretches">
        {stretches.map(({ kind, fromMs, attempt }, index) => (
          <li key={`${fromMs}${kind}`} class={`kind-${kind}`}>
            <i aria-hidden="true" />
            {WORDS[kind]}
            {attempt > 0 && `, try ${attempt + 1}`} <b>{duration(lengths[index])}</b>
          </li>
        ))}
      </ul>
    </section>
  )
}
