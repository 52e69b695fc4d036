// The pages: their names, paths, icons and keys, for the rail, the bar of phones, the palette and the shortcuts.
import {
  Activity,
  Boxes,
  CalendarClock,
  Cpu,
  Layers,
  ListChecks,
  ScrollText,
  Waypoints,
  type LucideIcon,
} from 'lucide-preact'

export interface Place {
  readonly name: string
  readonly path: string
  /** After `g`. */
  readonly key: string
  readonly icon: LucideIcon
}

export const PLACES: readonly Place[] = [
  { name: 'Overview', path: '/', key: 'o', icon: Activity },
  { name: 'Tasks', path: '/tasks', key: 't', icon: ListChecks },
  { name: 'Workers', path: '/workers', key: 'w', icon: Cpu },
  { name: 'Queues', path: '/queues', key: 'q', icon: Layers },
  { name: 'Schedules', path: '/schedules', key: 's', icon: CalendarClock },
  { name: 'Gateway', path: '/gateway', key: 'y', icon: Waypoints },
  { name: 'Processes', path: '/processes', key: 'p', icon: Boxes },
  { name: 'Audit', path: '/audit', key: 'a', icon: ScrollText },
]

/** Whether a page is the one that is shown, or what is shown lies below it. */
export function isAt(place: Place, path: string): boolean {
  return place.path === '/' ? path === '/' : path === place.path || path.startsWith(`${place.path}/`)
}
