import { Ellipsis } from 'lucide-preact'
import { useLocation } from 'preact-iso'
import { session } from '../live/fetching.ts'
import { isAt, PLACES, type Place } from './places.ts'

/** How many stand in the bar of a phone; the others are behind "More". */
const IN_BAR = 4

function PlaceLink({ place, path }: { place: Place; path: string }) {
  const Icon = place.icon
  return (
    <a href={place.path} aria-current={isAt(place, path) ? 'page' : undefined} class={isQuiet(place) ? 'quiet' : ''}>
      <Icon size={17} aria-hidden="true" />
      <span>{place.name}</span>
    </a>
  )
}

/** A page that has nothing to show stays where it is, and looks so. */
function isQuiet({ path }: Place): boolean {
  const has = session.value?.has
  if (!has) return false
  return (
    (path === '/schedules' && !has.schedules) ||
    (path === '/gateway' && !has.gateways) ||
    (path === '/processes' && !has.processes)
  )
}

/** The pages: at the left of a screen, at the bottom of a phone. */
export function Rail() {
  const { path } = useLocation()
  const more = PLACES.slice(IN_BAR)
  return (
    <nav class="rail" aria-label="Pages">
      <a class="brand" href="/" aria-label="Lovage: overview">
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <path d="M16 28V12M16 19c-6 0-9-3-9-9 6 0 9 3 9 9Zm0-4c0-6 3-9 9-9 0 6-3 9-9 9Z" />
        </svg>
        <span>Lovage</span>
      </a>
      <ul>
        {PLACES.map((place, index) => (
          <li key={place.path} class={index < IN_BAR ? '' : 'beyond'}>
            <PlaceLink place={place} path={path} />
          </li>
        ))}
        <li class="more">
          <button type="button" popovertarget="more" aria-current={more.some((one) => isAt(one, path)) || undefined}>
            <Ellipsis size={17} aria-hidden="true" />
            <span>More</span>
          </button>
          <ul id="more" popover="auto" class="sheet">
            {more.map((place) => (
              <li key={place.path}>
                <PlaceLink place={place} path={path} />
              </li>
            ))}
          </ul>
        </li>
      </ul>
    </nav>
  )
}
