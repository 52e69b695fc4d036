import type { GatewayList } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { count, duration, many, rate } from '../parts/numbers.ts'
import { Empty, Page } from '../parts/page.tsx'
import { State, type Tone } from '../parts/state.tsx'
import { Table, useNarrow, type Column } from '../parts/table.tsx'
import { tasksHref } from './fleet-links.tsx'
import './fleet.css'
import './gateway.css'

type Gateway = GatewayList['gateways'][number]
type Route = Gateway['routes'][number]

/** Answers of one kind: `2` for all from 200 to 299. */
const TONES: Readonly<Record<string, Tone>> = { 2: 'ok', 3: 'ok', 4: 'warn', 5: 'bad' }

function Statuses({ statuses }: { statuses: Route['statuses'] }) {
  const rows = Object.entries(statuses).toSorted(([a], [b]) => a.localeCompare(b))
  if (rows.length === 0) return <span class="faint">–</span>
  return (
    <span class="chips">
      {rows.map(([status, times]) => (
        <span key={status} class={`chip tone-${TONES[status[0] ?? ''] ?? 'off'}`}>
          <b>{status}</b> {count(times)}
        </span>
      ))}
    </span>
  )
}

/** Where a refusal is explained: the table of errors has a section for each. */
function Refusals({ refusals }: { refusals: Route['refusals'] }) {
  const rows = Object.entries(refusals).toSorted(([, a], [, b]) => b - a)
  if (rows.length === 0) return <span class="faint">none</span>
  return (
    <span class="chips">
      {rows.map(([code, times]) => (
        <span key={code} class="chip tone-warn">
          <b>{code}</b> {count(times)}
        </span>
      ))}
    </span>
  )
}

const FASTEST_MS = 1
const SLOWEST_MS = 30_000
const WIDTH = 140
/** Where a time stands between 1 ms and 30 s; tenfold is always equally far. */
const place = (ms: number): number =>
  (Math.log(Math.min(SLOWEST_MS, Math.max(FASTEST_MS, ms)) / FASTEST_MS) / Math.log(SLOWEST_MS / FASTEST_MS)) * WIDTH

/** From the middle to the slowest hundredth on one line, so that routes can be compared at a glance. */
function Spread({ p50Ms, p95Ms, p99Ms }: Route) {
  if (p50Ms === null) return <span class="faint">–</span>
  const [a, b, c] = [p50Ms, p95Ms ?? p50Ms, p99Ms ?? p95Ms ?? p50Ms].map(place) as [number, number, number]
  return (
    <svg
      class="spread"
      role="img"
      aria-label={`half in ${duration(p50Ms)}, 95 % in ${duration(p95Ms)}, 99 % in ${duration(p99Ms)}`}
      width={WIDTH}
      height={14}
      viewBox={`0 0 ${WIDTH} 14`}
    >
      {[1, 10, 100, 1_000, 10_000].map((ms) => (
        <path key={ms} class="rule" d={`M${place(ms) + 0.5} 1v12`} />
      ))}
      <path class="far" d={`M${a} 7H${c}`} />
      <path class="near" d={`M${a} 7H${b}`} />
      <circle cx={Math.max(3, a)} cy={7} r={3} />
    </svg>
  )
}

function Path({ route }: { route: Route }) {
  const isNarrow = useNarrow()
  return (
    <span class="route-name">
      <span>
        <code>{route.method}</code> <code class="path">{route.path}</code>
      </span>
      <span class="faint">
        {route.task === null ? 'no task' : <a href={tasksHref({ name: route.task })}>{route.task}</a>}
      </span>
      {isNarrow && (
        <span>
          <Statuses statuses={route.statuses} />{' '}
          {Object.keys(route.refusals).length > 0 && <Refusals refusals={route.refusals} />}
        </span>
      )}
    </span>
  )
}

const time = (key: 'p50Ms' | 'p95Ms' | 'p99Ms', title: string, phone?: string): Column<Route> => ({
  key,
  title,
  width: '4.2rem',
  ...(phone ? { phone } : {}),
  isNumber: true,
  cell: (route) => duration(route[key]),
})

const COLUMNS: readonly Column<Route>[] = [
  {
    key: 'route',
    title: 'Route',
    width: 'minmax(12rem, 1.6fr)',
    phone: 'minmax(0, 1fr)',
    cell: (route) => <Path route={route} />,
  },
  { key: 'rate', title: 'Rate', width: '4.2rem', phone: '3.4rem', isNumber: true, cell: (route) => rate(route.rate) },
  {
    key: 'inFlight',
    title: 'In flight',
    width: '4.2rem',
    isNumber: true,
    cell: ({ task, inFlight }) =>
      task === null || inFlight === 0 ? count(inFlight) : <a href={tasksHref({ name: task })}>{count(inFlight)}</a>,
  },
  time('p50Ms', 'p50'),
  time('p95Ms', 'p95', '4rem'),
  time('p99Ms', 'p99'),
  { key: 'spread', title: '1 ms … 30 s', width: '9.4rem', cell: (route) => <Spread {...route} /> },
  {
    key: 'statuses',
    title: 'Answers',
    width: 'minmax(8rem, 1.2fr)',
    cell: ({ statuses }) => <Statuses statuses={statuses} />,
  },
  {
    key: 'refusals',
    title: 'Refused',
    width: 'minmax(6rem, 1fr)',
    cell: ({ refusals }) => <Refusals refusals={refusals} />,
  },
]

export default function GatewayPage() {
  const live = useLive<GatewayList>('gateways')
  const gateways = live.data.value?.gateways ?? []
  const online = gateways.filter(({ status }) => status === 'online')
  const inFlight = online.reduce((sum, gateway) => sum + gateway.inFlight, 0)
  const perSecond = online.reduce((sum, { routes }) => sum + routes.reduce((all, route) => all + route.rate, 0), 0)
  return (
    <Page
      title="Gateway"
      live={live}
      aside={
        <span>
          {many(online.length, 'gateway')} · <b>{rate(perSecond)}</b> · <b>{count(inFlight)}</b> in flight
        </span>
      }
    >
      {gateways.map((gateway) => (
        <section
          key={gateway.name}
          class={`panel gateway ${gateway.status === 'online' ? '' : 'is-away'}`}
          aria-label={gateway.name}
        >
          <header>
            <h2>{gateway.name}</h2>
            <State of={gateway.status} />
            <span class="faint">{gateway.url}</span>
            <span class="end">{count(gateway.inFlight)} in flight</span>
          </header>
          <Table
            label={`Routes of ${gateway.name}`}
            columns={COLUMNS}
            rows={gateway.routes}
            keyOf={({ method, path }) => `${method} ${path}`}
            classOf={() => 'tall'}
            empty={<Empty title="It has no routes" />}
          />
        </section>
      ))}
      {gateways.length === 0 && (
        <Empty title="No gateway has been heard of">Start one with lovage gateway; it tells of itself by events.</Empty>
      )}
    </Page>
  )
}
