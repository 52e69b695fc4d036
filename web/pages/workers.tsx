import { useSignal } from '@preact/signals'
import type { WorkerList, WorkerRow } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { Heartbeats } from '../parts/heartbeats.tsx'
import { mayAct } from '../parts/may-act.ts'
import { bytes, count, duration, many } from '../parts/numbers.ts'
import { Empty, Page } from '../parts/page.tsx'
import { SlotGrid } from '../parts/slot-grid.tsx'
import { Age, State } from '../parts/state.tsx'
import { Table, useNarrow, type Column } from '../parts/table.tsx'
import { useUrlState } from '../shell/url-state.ts'
import { Names, queueHref, tasksHref, workerHref } from './fleet-links.tsx'
import { addQueue, autoscale, cancelQueue, grow, shrink, shutDown } from './worker-actions.ts'
import './fleet.css'
import './workers.css'

/** From here on a loop is late enough for people to feel it. */
const LATE_MS = 40

/** What software it is, in a word: ours goes without saying. */
export function softwareOf({ software, version }: WorkerRow): string | null {
  if (software === null || software === 'lovage') return version
  return `${software.replace(/^py-/, '')} ${version ?? ''}`.trim()
}

function Busy({ worker }: { worker: WorkerRow }) {
  return (
    <a href={tasksHref({ worker: worker.name, state: 'STARTED' })} title="What it runs now">
      {worker.active.length}/{worker.slots ?? '?'}
    </a>
  )
}

function Name({ worker }: { worker: WorkerRow }) {
  const isNarrow = useNarrow()
  return (
    <span class="worker-name">
      <span>
        <a href={workerHref(worker.name)}>{worker.name}</a>
        <State of={worker.status} />
        {worker.status !== 'online' && <Age at={worker.asOfMs} ago />}
      </span>
      {isNarrow && worker.status === 'online' && <SlotGrid slots={worker.slots} active={worker.active} />}
    </span>
  )
}

const COLUMNS: readonly Column<WorkerRow>[] = [
  {
    key: 'name',
    title: 'Worker',
    width: 'minmax(9rem, 1.3fr)',
    phone: 'minmax(0, 1fr)',
    cell: (worker) => <Name worker={worker} />,
  },
  {
    key: 'mode',
    title: 'Mode',
    width: 'minmax(6.6rem, 0.6fr)',
    cell: (worker) => (
      <span class="two-lines">
        {worker.pool ?? '–'} <span class="faint">{softwareOf(worker)}</span>
      </span>
    ),
  },
  {
    key: 'slots',
    title: 'Slots',
    width: 'minmax(10rem, 2fr)',
    cell: (worker) => <SlotGrid slots={worker.slots} active={worker.active} />,
  },
  {
    key: 'busy',
    title: 'Busy',
    width: '4.2rem',
    phone: '4rem',
    isNumber: true,
    cell: (worker) => <Busy worker={worker} />,
  },
  {
    key: 'load',
    title: 'Load',
    width: '3.6rem',
    phone: '3.2rem',
    isNumber: true,
    cell: ({ load }) => (load?.[0] === undefined ? <span class="faint">–</span> : load[0].toFixed(2)),
  },
  { key: 'memory', title: 'Memory', width: '4.4rem', isNumber: true, cell: ({ rssBytes }) => bytes(rssBytes) },
  {
    key: 'lag',
    title: 'Loop lag',
    width: '4.4rem',
    isNumber: true,
    cell: ({ loopLagMs }) => (
      <span class={loopLagMs !== null && loopLagMs >= LATE_MS ? 'tone-warn' : ''}>{duration(loopLagMs)}</span>
    ),
  },
  {
    key: 'done',
    title: 'Done',
    width: '5rem',
    isNumber: true,
    cell: ({ name, processed, succeeded }) => <a href={tasksHref({ worker: name })}>{count(processed ?? succeeded)}</a>,
  },
  {
    key: 'failed',
    title: 'Failed',
    width: '4.2rem',
    isNumber: true,
    cell: ({ name, failed }) =>
      failed === 0 ? (
        <span class="faint">0</span>
      ) : (
        <a href={tasksHref({ worker: name, state: 'FAILURE' })}>{count(failed)}</a>
      ),
  },
  {
    key: 'queues',
    title: 'Queues',
    width: 'minmax(6rem, 1fr)',
    cell: ({ queues }) => <Names names={queues} hrefOf={queueHref} />,
  },
  {
    key: 'beat',
    title: 'Heartbeats',
    width: '9.4rem',
    cell: ({ heartbeats }) => <Heartbeats beats={heartbeats} />,
  },
]

/** What is done with all that are selected. */
function Bar({ names, isOurs }: { names: readonly string[]; isOurs: boolean }) {
  return (
    <div class="bar" role="toolbar" aria-label="Actions on the selected workers">
      <b>{many(names.length, 'worker')}</b>
      <button type="button" onClick={() => void grow(names)}>
        Grow
      </button>
      <button type="button" onClick={() => void shrink(names)}>
        Shrink
      </button>
      <button type="button" onClick={() => void autoscale(names)}>
        Autoscale
      </button>
      <button type="button" onClick={() => void addQueue(names)}>
        Add queue
      </button>
      <button type="button" onClick={() => void cancelQueue(names)}>
        Leave queue
      </button>
      {mayAct('worker-shutdown') && (
        <button type="button" class="danger" onClick={() => void shutDown(names, isOurs)}>
          Shut down
        </button>
      )}
    </div>
  )
}

function fits(worker: WorkerRow, words: readonly string[]): boolean {
  const text = [worker.name, worker.status, worker.pool ?? '', worker.software ?? '', ...worker.queues]
    .join('\n')
    .toLowerCase()
  return words.every((word) => text.includes(word))
}

const ORDER = { offline: 0, online: 1, left: 2 }

export default function WorkersPage() {
  const live = useLive<WorkerList>('workers')
  const { values, set } = useUrlState()
  const chosen = useSignal<ReadonlySet<string>>(new Set())
  const all = live.data.value?.workers ?? []
  const words = (values['q'] ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const rows = all
    .filter((worker) => fits(worker, words))
    .toSorted((a, b) => ORDER[a.status] - ORDER[b.status] || a.name.localeCompare(b.name, 'en', { numeric: true }))
  const online = all.filter(({ status }) => status === 'online')
  const busy = online.reduce((sum, { active }) => sum + active.length, 0)
  const slots = online.reduce((sum, worker) => sum + (worker.slots ?? 0), 0)
  const names = rows.map(({ name }) => name).filter((name) => chosen.value.has(name))
  return (
    <Page
      title="Workers"
      live={live}
      aside={
        <>
          <span>
            <b>{online.length}</b> online
            {all.length > online.length && (
              <>
                , <b>{all.length - online.length}</b> not
              </>
            )}
            {' · '}
            <b>{busy}</b> of {slots} slots busy
          </span>
          <input
            type="search"
            aria-label="Filter workers"
            placeholder="Filter"
            value={values['q'] ?? ''}
            onInput={(event) => set({ q: event.currentTarget.value })}
          />
        </>
      }
    >
      {names.length > 0 && (
        <Bar
          names={names}
          isOurs={rows.every(({ name, software }) => !chosen.value.has(name) || software === 'lovage')}
        />
      )}
      <Table
        label="Workers"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ name }) => name}
        hrefOf={({ name }) => workerHref(name)}
        classOf={({ status }) => `tall ${status === 'online' ? '' : 'is-away'}`}
        {...(mayAct('worker-grow')
          ? { selection: { chosen: chosen.value, set: (next: ReadonlySet<string>) => (chosen.value = next) } }
          : {})}
        empty={
          all.length > 0 ? (
            <Empty title="No worker fits the filter" />
          ) : (
            <Empty title="No worker has been heard of">Start one with lovage worker, or a Python worker with -E.</Empty>
          )
        }
      />
    </Page>
  )
}
