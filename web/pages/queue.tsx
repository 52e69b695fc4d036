import { lazy } from 'preact-iso'
import type { QueueList, QueueRow } from '../../src/dashboard/api.ts'
import { serverNow } from '../live/clock.ts'
import { useLive } from '../live/live.ts'
import { confirmAct } from '../parts/confirm.tsx'
import { HeatMap } from '../parts/heat-map.tsx'
import { mayAct } from '../parts/may-act.ts'
import { count, duration, many, rate } from '../parts/numbers.ts'
import { Empty, Page, Panel } from '../parts/page.tsx'
import { DeadLetters } from './dead-letters.tsx'
import { Names, tasksHref, workerHref } from './fleet-links.tsx'
import { waited } from './queue-waits.ts'
import { Cannots, Consumers, Drain, Oldest, thinned, Told } from './queues.tsx'
import './fleet.css'
import './queues.css'

const Chart = lazy(() => import('../parts/chart.tsx'))

const HOUR_MS = 3_600_000
/** Part of the hour that lines show at least. */
const LEAST_SHOWN = 6
/** Points of a line over an hour. */
const POINTS = 120

const purge = (queue: QueueRow) =>
  confirmAct(
    {
      title: `Purge ${queue.name}`,
      text: `${queue.ready === null ? 'Whatever waits' : many(queue.ready, 'message')} in this queue will be gone for good; nobody will run it. What workers hold already stays.`,
      verb: 'Purge',
      isDanger: true,
      typed: queue.name,
    },
    'queue-purge',
    { target: queue.name },
  )

const remove = (queue: QueueRow) =>
  confirmAct(
    {
      title: `Delete ${queue.name}`,
      text: 'The queue and what waits in it will be gone for good. Whoever sends to it or reads it makes it anew, empty.',
      verb: 'Delete',
      isDanger: true,
      typed: queue.name,
    },
    'queue-delete',
    { target: queue.name },
  )

export default function QueuePage({ name }: { name: string }) {
  const live = useLive<QueueList>('queues')
  const list = live.data.value
  const queue = list?.queues.find((one) => one.name === name)
  return (
    <Page title={name} live={live} aside={queue && <Doings queue={queue} />}>
      {list && !queue && (
        <Empty title="This queue is not known here">It may have been deleted, or nobody has used it for a while.</Empty>
      )}
      {list && queue && (
        <>
          <Figures queue={queue} list={list} />
          <div class="columns">
            <Depth queue={queue} />
            <Waits queue={queue} bounds={list.waitBucketsMs} />
          </div>
          <DeadLetters queue={name} count={queue.dead} />
          <Cannots cannot={list.cannot} />
        </>
      )}
    </Page>
  )
}

function Doings({ queue }: { queue: QueueRow }) {
  if (!mayAct('queue-purge')) return null
  return (
    <div class="bar" role="toolbar" aria-label="Actions">
      <button type="button" class="danger" onClick={() => void purge(queue)}>
        Purge…
      </button>
      <button type="button" onClick={() => void remove(queue)}>
        Delete…
      </button>
    </div>
  )
}

function Figures({ queue, list }: { queue: QueueRow; list: QueueList }) {
  const { cannot } = list
  return (
    <dl class="figures across panel">
      <div>
        <dt>Ready</dt>
        <dd>
          <Told value={queue.ready} why={cannot['ready']}>
            {count(queue.ready)}
          </Told>
        </dd>
      </div>
      <div>
        <dt>Unacked</dt>
        <dd>
          <Told value={queue.unacked} why={cannot['unacked']}>
            <a href={tasksHref({ queue: queue.name, state: 'STARTED' })}>{count(queue.unacked)}</a>
          </Told>
        </dd>
      </div>
      <div>
        <dt>Delayed</dt>
        <dd>
          <Told value={queue.delayed} why={cannot['delayed']}>
            {count(queue.delayed)}
          </Told>
        </dd>
      </div>
      <div>
        <dt>In</dt>
        <dd>
          <a href={tasksHref({ queue: queue.name })}>{rate(queue.inRate)}</a>
        </dd>
      </div>
      <div>
        <dt>Out</dt>
        <dd>{rate(queue.outRate)}</dd>
      </div>
      <div>
        <dt>Oldest</dt>
        <dd>
          <Oldest queue={queue} cannot={cannot} />
        </dd>
      </div>
      <div>
        <dt>Drains in</dt>
        <dd>
          <Drain queue={queue} />
        </dd>
      </div>
      <div>
        <dt>Readers</dt>
        <dd>
          <Consumers queue={queue} />
        </dd>
      </div>
      <div class="grow">
        <dt>Workers</dt>
        <dd>
          <Names names={queue.workers} hrefOf={workerHref} />
        </dd>
      </div>
    </dl>
  )
}

/** Times of the last hour, evenly spaced, the newest last. */
const timesOf = (points: number): number[] => {
  const end = Math.floor(serverNow() / 10_000) * 10_000
  return Array.from({ length: points }, (_, index) => end - HOUR_MS + ((index + 1) * HOUR_MS) / points)
}

/** From when on it is known, a few minutes at least: a line over an hour that was not seen says nothing. */
function sinceKnown<T>(values: readonly T[], isKnown: (value: T) => boolean): { times: number[]; values: T[] } {
  const first = values.findIndex(isKnown)
  const least = values.length - Math.ceil(values.length / LEAST_SHOWN)
  const from = first < 0 ? 0 : Math.min(first, least)
  return { times: timesOf(values.length).slice(from), values: values.slice(from) }
}

function Depth({ queue }: { queue: QueueRow }) {
  const { times, values } = sinceKnown(thinned(queue.depths, POINTS), (depth) => depth !== null)
  return (
    <Panel title="Depth, last hour">
      <Chart
        label={`Depth of ${queue.name} over the last hour, now ${count(queue.ready)}`}
        times={times}
        lines={[{ name: 'ready', color: '--run', values }]}
        height={150}
        format={(value) => count(value)}
      />
    </Panel>
  )
}

function Waits({ queue, bounds }: { queue: QueueRow; bounds: readonly number[] }) {
  const { times, values: known } = sinceKnown(queue.waits, (counts) => counts.some((count) => count > 0))
  const half = known.map((counts) => waited(counts, bounds, 0.5))
  const most = known.map((counts) => waited(counts, bounds, 0.95))
  const rowNames = [...bounds.map((bound) => duration(bound)), `> ${duration(bounds.at(-1) ?? 0)}`]
  return (
    <>
      <Panel title="Time in the queue, last hour" aside={<Key />}>
        <Chart
          label={`Waits in ${queue.name}: lately half of them up to ${duration(half.at(-1))}, 95 % up to ${duration(most.at(-1))}`}
          times={times}
          lines={[
            { name: '95 % waited up to', color: '--warn', values: most },
            { name: 'half waited up to', color: '--run', values: half },
          ]}
          height={150}
          format={(value) => duration(value)}
        />
      </Panel>
      <Panel title="How many waited how long, last hour" kind="wide">
        <HeatMap
          columns={queue.waits}
          rowNames={rowNames}
          height={140}
          label={`Waits in ${queue.name} over the last hour, in ${rowNames.length} lengths`}
        />
      </Panel>
    </>
  )
}

function Key() {
  return (
    <span class="line-key faint">
      <i class="tone-run" aria-hidden="true" /> half <i class="tone-warn" aria-hidden="true" /> 95 %
    </span>
  )
}
