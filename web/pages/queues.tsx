import type { QueueList, QueueRow } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { HeatMap } from '../parts/heat-map.tsx'
import { count, duration, rate } from '../parts/numbers.ts'
import { Empty, Page } from '../parts/page.tsx'
import { Sparkline } from '../parts/spark.tsx'
import { Shape } from '../parts/state.tsx'
import { Table, useNarrow, type Column } from '../parts/table.tsx'
import { useUrlState } from '../shell/url-state.ts'
import { queueHref, tasksHref } from './fleet-links.tsx'
import { drainWords } from './queue-waits.ts'
import './fleet.css'
import './queues.css'

/** Waiting longer than this wants a look. */
const OLD_MS = 60_000

type Cannot = QueueList['cannot']

/** A figure that this broker may not be able to tell: then it says so, instead of a dash that could mean nothing. */
export function Told({
  value,
  why,
  children,
}: {
  value: number | null
  why: string | undefined
  children: preact.ComponentChildren
}) {
  if (value !== null) return <>{children}</>
  if (why === undefined) return <span class="faint">–</span>
  return (
    <span class="faint" title={why}>
      ?
    </span>
  )
}

export function Oldest({ queue, cannot }: { queue: QueueRow; cannot: Cannot }) {
  const isOld = queue.oldestMs !== null && queue.oldestMs >= OLD_MS
  return (
    <Told value={queue.oldestMs} why={cannot['oldestMs']}>
      <span class={isOld ? 'toned tone-warn' : ''}>{duration(queue.oldestMs)}</span>
    </Told>
  )
}

export function Drain({ queue }: { queue: QueueRow }) {
  const { text, isBad } = drainWords(queue, duration)
  return (
    <span class={isBad ? 'toned tone-warn' : ''}>
      {isBad && <Shape tone="warn" />} {text}
    </span>
  )
}

export function Consumers({ queue }: { queue: QueueRow }) {
  const isUnread = queue.consumers === 0 && (queue.ready ?? 0) > 0
  if (queue.consumers === null) return <span class="faint">–</span>
  return (
    <a href={`/workers?q=${encodeURIComponent(queue.name)}`} class={isUnread ? 'toned tone-bad' : ''}>
      {isUnread && <Shape tone="bad" />} {queue.consumers === 0 ? 'nobody' : count(queue.consumers)}
    </a>
  )
}

function Name({ queue }: { queue: QueueRow }) {
  const isNarrow = useNarrow()
  return (
    <span class="queue-name">
      <a href={queueHref(queue.name)}>{queue.name}</a>
      {(queue.dead ?? 0) > 0 && (
        <a class="state tone-bad" href={`${queueHref(queue.name)}#dead`}>
          <Shape tone="bad" />
          {count(queue.dead)} dead
        </a>
      )}
      {isNarrow && (
        <span class="faint">
          {rate(queue.inRate)} in · {rate(queue.outRate)} out · <Drain queue={queue} />
        </span>
      )}
    </span>
  )
}

/** The values thinned out to as many as can be told apart in a cell; the highest of each stretch stays. */
export function thinned(values: readonly (number | null)[], most: number): (number | null)[] {
  const step = Math.ceil(values.length / most)
  if (step <= 1) return [...values]
  const result: (number | null)[] = []
  for (let from = 0; from < values.length; from += step) {
    const known = values.slice(from, from + step).filter((value) => value !== null)
    result.push(known.length > 0 ? Math.max(...known) : null)
  }
  return result
}

const columnsFor = (list: QueueList | undefined): readonly Column<QueueRow>[] => {
  const cannot = list?.cannot ?? {}
  const bounds = list?.waitBucketsMs ?? []
  const rowNames = bounds.map((bound) => duration(bound))
  return [
    {
      key: 'name',
      title: 'Queue',
      width: 'minmax(9rem, 1.4fr)',
      phone: 'minmax(0, 1fr)',
      cell: (queue) => <Name queue={queue} />,
    },
    {
      key: 'ready',
      title: 'Ready',
      width: '4.6rem',
      phone: '3.6rem',
      isNumber: true,
      cell: (queue) => (
        <Told value={queue.ready} why={cannot['ready']}>
          <a href={queueHref(queue.name)}>{count(queue.ready)}</a>
        </Told>
      ),
    },
    {
      key: 'depth',
      title: 'Last hour',
      width: '8rem',
      phone: '4.2rem',
      cell: ({ name, depths, ready }) => (
        <Sparkline
          values={thinned(depths, 60)}
          width={96}
          label={`Depth of ${name} over the last hour, at most ${count(Math.max(0, ...depths.map((depth) => depth ?? 0)))}, now ${count(ready)}`}
        />
      ),
    },
    {
      key: 'unacked',
      title: 'Unacked',
      width: '4.4rem',
      isNumber: true,
      cell: (queue) => (
        <Told value={queue.unacked} why={cannot['unacked']}>
          <a href={tasksHref({ queue: queue.name, state: 'STARTED' })}>{count(queue.unacked)}</a>
        </Told>
      ),
    },
    {
      key: 'delayed',
      title: 'Delayed',
      width: '4.4rem',
      isNumber: true,
      cell: ({ delayed }) => (
        <Told value={delayed} why={cannot['delayed']}>
          {count(delayed)}
        </Told>
      ),
    },
    { key: 'in', title: 'In', width: '4.2rem', isNumber: true, cell: ({ inRate }) => rate(inRate) },
    { key: 'out', title: 'Out', width: '4.2rem', isNumber: true, cell: ({ outRate }) => rate(outRate) },
    {
      key: 'oldest',
      title: 'Oldest',
      width: '4.6rem',
      phone: '3.8rem',
      isNumber: true,
      cell: (queue) => <Oldest queue={queue} cannot={cannot} />,
    },
    { key: 'drain', title: 'Drains in', width: '8.8rem', isNumber: true, cell: (queue) => <Drain queue={queue} /> },
    {
      key: 'consumers',
      title: 'Readers',
      width: '5.6rem',
      isNumber: true,
      cell: (queue) => <Consumers queue={queue} />,
    },
    {
      key: 'waits',
      title: 'Waits, last hour',
      width: '9rem',
      cell: ({ name, waits }) => (
        <HeatMap
          columns={waits}
          rowNames={rowNames}
          height={26}
          label={`How long tasks of ${name} waited, over the last hour`}
        />
      ),
    },
  ]
}

const needsLook = (queue: QueueRow): boolean =>
  (queue.consumers === 0 && (queue.ready ?? 0) > 0) ||
  drainWords(queue, duration).isBad ||
  (queue.oldestMs ?? 0) >= OLD_MS

export default function QueuesPage() {
  const live = useLive<QueueList>('queues')
  const { values, set } = useUrlState()
  const list = live.data.value
  const all = list?.queues ?? []
  const words = (values['q'] ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const rows = all
    .filter(({ name, workers }) => {
      const text = [name, ...workers].join('\n').toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .toSorted(
      (a, b) => Number(needsLook(b)) - Number(needsLook(a)) || a.name.localeCompare(b.name, 'en', { numeric: true }),
    )
  const ready = all.reduce((sum, queue) => sum + (queue.ready ?? 0), 0)
  const inRate = all.reduce((sum, queue) => sum + queue.inRate, 0)
  const outRate = all.reduce((sum, queue) => sum + queue.outRate, 0)
  return (
    <Page
      title="Queues"
      live={live}
      aside={
        <>
          <span>
            <b>{count(ready)}</b> ready · {rate(inRate)} in · {rate(outRate)} out
          </span>
          <input
            type="search"
            aria-label="Filter queues"
            placeholder="Filter"
            value={values['q'] ?? ''}
            onInput={(event) => set({ q: event.currentTarget.value })}
          />
        </>
      }
    >
      <Table
        label="Queues"
        columns={columnsFor(list)}
        rows={rows}
        keyOf={({ name }) => name}
        hrefOf={({ name }) => queueHref(name)}
        classOf={() => 'tall'}
        empty={
          <Empty title={all.length > 0 ? 'No queue fits the filter' : 'No queue is known'}>
            Queues come with the workers that read them, and with the tasks that are sent to them.
          </Empty>
        }
      />
      <Cannots cannot={list?.cannot ?? {}} />
    </Page>
  )
}

/** What this broker cannot tell, once for the whole page. */
export function Cannots({ cannot }: { cannot: Cannot }) {
  const reasons = [...new Set(Object.values(cannot))]
  if (reasons.length === 0) return null
  return <p class="faint">? {reasons.join(' · ')}</p>
}
