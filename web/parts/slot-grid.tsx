import type { Slot } from '../../src/dashboard/api.ts'
import { now } from '../live/clock.ts'
import { duration, hueOf, many } from './numbers.ts'

/** From here on a task runs long, and its cell is at its brightest. */
const LONG_MS = 60_000
const MOST_CELLS = 200

/**
 * A cell for each slot of a worker: coloured by the name of its task, stronger the longer it runs; each is a link to its
 * task. With more slots than can be seen it becomes a bar.
 */
export function SlotGrid({ slots, active }: { slots: number | null; active: readonly Slot[] }) {
  const total = Math.max(slots ?? 0, active.length)
  const at = now.value
  if (total > MOST_CELLS) {
    const share = active.length / total
    return (
      <svg
        class="slot-bar"
        viewBox="0 0 200 10"
        preserveAspectRatio="none"
        role="img"
        aria-label={words(active, slots)}
      >
        <rect class="track" width="200" height="10" />
        <rect width={200 * share} height="10" />
      </svg>
    )
  }
  return (
    <span class="slots" role="group" aria-label={words(active, slots)}>
      {active.map(({ id, name, sinceMs }) => {
        const ran = Math.max(0, at - sinceMs)
        return (
          <a
            key={id}
            class="slot"
            href={`/tasks/${encodeURIComponent(id)}`}
            title={`${name} ${duration(ran)}`}
            aria-label={`${name}, for ${duration(ran)}`}
            style={{
              '--hue': String(Math.round(hueOf(name))),
              '--age': String(0.45 + 0.55 * Math.min(1, ran / LONG_MS)),
            }}
          />
        )
      })}
      {Array.from({ length: total - active.length }, (_, index) => (
        <i key={index} class="slot free" />
      ))}
    </span>
  )
}

function words(active: readonly Slot[], slots: number | null): string {
  return slots === null ? `${many(active.length, 'task')} running` : `${active.length} of ${many(slots, 'slot')} busy`
}
