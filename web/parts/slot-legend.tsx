import type { Slot } from '../../src/dashboard/api.ts'
import { hueOf } from './numbers.ts'
import { tasksHref } from '../pages/fleet-links.tsx'

/** Which colour of a slot grid is which name, and how many there are of it; the most first. */
export function SlotLegend({ active }: { active: readonly Slot[] }) {
  const counts = new Map<string, number>()
  for (const { name } of active) counts.set(name, (counts.get(name) ?? 0) + 1)
  return (
    <ul class="slot-legend">
      {[...counts]
        .toSorted(([, a], [, b]) => b - a)
        .map(([name, count]) => (
          <li key={name}>
            <i class="slot" aria-hidden="true" style={{ '--hue': String(Math.round(hueOf(name))), '--age': '1' }} />
            <a href={tasksHref({ name, state: 'STARTED' })}>{name}</a> {count}
          </li>
        ))}
    </ul>
  )
}
