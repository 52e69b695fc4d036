import { useSignal } from '@preact/signals'
import { X } from 'lucide-preact'
import type { ActionAnswer, WorkerDetail, WorkerList } from '../../src/dashboard/api.ts'
import { useFetched } from '../live/fetched.ts'
import { useLive } from '../live/live.ts'
import { Heartbeats } from '../parts/heartbeats.tsx'
import { mayAct } from '../parts/may-act.ts'
import { bytes, count, duration, shortId } from '../parts/numbers.ts'
import { Page, Panel } from '../parts/page.tsx'
import { SlotGrid } from '../parts/slot-grid.tsx'
import { Age, State } from '../parts/state.tsx'
import { SlotLegend } from '../parts/slot-legend.tsx'
import { queueHref, taskHref, tasksHref } from './fleet-links.tsx'
import * as actions from './worker-actions.ts'
import './fleet.css'
import './workers.css'

/** Of what runs, so many are listed; the grid shows all. */
const MOST_RUNNING = 12

type Act = (asked: Promise<ActionAnswer | undefined>) => void

export default function WorkerPage({ name }: { name: string }) {
  const list = useLive<WorkerList>('workers')
  const detail = useFetched<WorkerDetail>(`workers/${encodeURIComponent(name)}`)
  const full = detail.data.value
  // The stream is newer than what was asked for; only this has all of it.
  const row = list.data.value?.workers.find((worker) => worker.name === name)
  const worker = full && row ? { ...full, ...row } : full
  const act: Act = (asked) =>
    void asked.then((answer) => {
      if (answer) void detail.reload()
    })
  return (
    <Page title={name} live={detail} aside={worker && <Doings worker={worker} act={act} />}>
      {worker && (
        <div class="worker">
          <p class="facts">
            <State of={worker.status} />
            {worker.status !== 'online' && (
              <span>
                heard <Age at={worker.asOfMs} ago />
              </span>
            )}
            <span>{[worker.pool, worker.software, worker.version].filter((part) => part !== null).join(' · ')}</span>
            {worker.pid !== null && <span>pid {worker.pid}</span>}
            {worker.upSinceMs !== null && (
              <span>
                up <Age at={worker.upSinceMs} />
              </span>
            )}
            <Heartbeats beats={worker.heartbeats} />
          </p>
          <div class="aside-and-main">
            <div class="stack">
              <Figures worker={worker} />
              <Queues worker={worker} act={act} />
            </div>
            <div class="stack">
              <Panel title={`Slots: ${worker.active.length} of ${worker.slots ?? '?'} busy`}>
                <SlotGrid slots={worker.slots} active={worker.active} />
                <SlotLegend active={worker.active} />
                <Running worker={worker} />
              </Panel>
              <Limits worker={worker} act={act} />
            </div>
          </div>
          <Facts title="What it answers to stats" value={worker.stats} />
          <Facts title="Its configuration" value={worker.conf} />
        </div>
      )}
    </Page>
  )
}

function Doings({ worker, act }: { worker: WorkerDetail; act: Act }) {
  if (!mayAct('worker-grow') || worker.status !== 'online') return null
  const names = [worker.name]
  return (
    <div class="bar" role="toolbar" aria-label="Actions">
      <button type="button" onClick={() => act(actions.grow(names))}>
        Grow
      </button>
      <button type="button" onClick={() => act(actions.shrink(names))}>
        Shrink
      </button>
      <button type="button" onClick={() => act(actions.autoscale(names, worker.autoscale))}>
        Autoscale
      </button>
      <button type="button" onClick={() => act(actions.restartPool(names))}>
        Restart pool
      </button>
      {mayAct('worker-shutdown') && (
        <button type="button" class="danger" onClick={() => act(actions.shutDown(names, worker.software === 'lovage'))}>
          Shut down
        </button>
      )}
    </div>
  )
}

/** What has been running for the longest. */
function Running({ worker }: { worker: WorkerDetail }) {
  const rows = worker.active.toSorted((a, b) => a.sinceMs - b.sinceMs).slice(0, MOST_RUNNING)
  if (rows.length === 0) return <p class="faint">Nothing runs here now.</p>
  const more = worker.active.length - rows.length
  return (
    <>
      <ul class="running">
        {rows.map(({ id, name, sinceMs }) => (
          <li key={id}>
            <a href={taskHref(id)}>
              {name} <code>{shortId(id)}</code>
            </a>
            <Age at={sinceMs} />
          </li>
        ))}
      </ul>
      {more > 0 && <a href={tasksHref({ worker: worker.name, state: 'STARTED' })}>and {count(more)} more</a>}
    </>
  )
}

function Figures({ worker }: { worker: WorkerDetail }) {
  const all = (state: string): string => tasksHref({ worker: worker.name, state })
  const rows: [string, string, string?][] = [
    ['Busy', `${worker.active.length} of ${worker.slots ?? '?'}`, all('STARTED')],
    ['Reserved', count(worker.reserved), all('RECEIVED')],
    ['Scheduled', count(worker.scheduled)],
    ['Prefetch', count(worker.prefetch)],
    ['Autoscale', worker.autoscale ? `${worker.autoscale.min} to ${worker.autoscale.max}` : 'off'],
    ['Processed', count(worker.processed), tasksHref({ worker: worker.name })],
    ['Succeeded', count(worker.succeeded), all('SUCCESS')],
    ['Failed', count(worker.failed), all('FAILURE')],
    ['Retried', count(worker.retried), all('RETRY')],
    ['Load', worker.load?.map((load) => load.toFixed(2)).join('  ') ?? '–'],
    ['Memory', bytes(worker.rssBytes)],
    ['Loop lag', worker.loopLagMs === null ? '–' : `${duration(worker.loopLagMs)} p99`],
  ]
  return (
    <Panel title="Figures">
      <dl class="figures">
        {rows.map(([name, value, href]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{href ? <a href={href}>{value}</a> : value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

function Queues({ worker, act }: { worker: WorkerDetail; act: Act }) {
  const isAllowed = mayAct('worker-add-queue') && worker.status === 'online'
  return (
    <Panel
      title="Queues"
      aside={
        isAllowed && (
          <button type="button" onClick={() => act(actions.addQueue([worker.name]))}>
            Add queue
          </button>
        )
      }
    >
      <ul class="plain-list">
        {worker.queues.map((queue) => (
          <li key={queue}>
            <a href={queueHref(queue)}>{queue}</a>
            {isAllowed && (
              <button
                type="button"
                class="icon"
                aria-label={`Leave ${queue}`}
                title={`Leave ${queue}`}
                onClick={() => act(actions.cancelQueue([worker.name], queue))}
              >
                <X size={13} aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
      </ul>
      {worker.queues.length === 0 && <p class="faint">It reads none.</p>}
    </Panel>
  )
}

function Limits({ worker, act }: { worker: WorkerDetail; act: Act }) {
  const find = useSignal('')
  const wanted = find.value.toLowerCase()
  const rows = worker.tasks.filter(({ name }) => name.toLowerCase().includes(wanted))
  const isAllowed = mayAct('worker-rate-limit') && worker.status === 'online'
  return (
    <Panel
      title="Tasks it knows"
      aside={
        worker.tasks.length > 8 && (
          <input
            type="search"
            placeholder="Find"
            aria-label="Find a task"
            value={find.value}
            onInput={(event) => (find.value = event.currentTarget.value)}
          />
        )
      }
    >
      <div class="limits" tabIndex={0} role="group" aria-label="Tasks it knows, scrolls">
        <table>
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">Rate limit</th>
              <th scope="col">Time limit</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, rateLimit, timeLimitMs, softTimeLimitMs }) => (
              <tr key={name}>
                <th scope="row">
                  <a href={tasksHref({ name })}>{name}</a>
                </th>
                <td>
                  <Limit
                    label={`Rate limit of ${name}`}
                    value={rateLimit}
                    {...(isAllowed ? { change: () => act(actions.rateLimit([worker.name], name, rateLimit)) } : {})}
                  />
                </td>
                <td>
                  <Limit
                    label={`Time limits of ${name}`}
                    value={limitWords(softTimeLimitMs, timeLimitMs)}
                    {...(isAllowed
                      ? { change: () => act(actions.timeLimit([worker.name], name, softTimeLimitMs, timeLimitMs)) }
                      : {})}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {worker.tasks.length === 0 && <p class="faint">It has not told which.</p>}
    </Panel>
  )
}

function limitWords(softMs: number | null, hardMs: number | null): string | null {
  const words = [softMs === null ? [] : `soft ${duration(softMs)}`, hardMs === null ? [] : duration(hardMs)].flat()
  return words.length === 0 ? null : words.join(', ')
}

function Limit({ label, value, change }: { label: string; value: string | null; change?: () => void }) {
  const text = value ?? 'none'
  if (!change) return <span class={value === null ? 'faint' : ''}>{text}</span>
  return (
    <button
      type="button"
      class={`bare ${value === null ? 'faint' : ''}`}
      aria-label={`${label}: ${text}`}
      onClick={change}
    >
      {text}
    </button>
  )
}

/** Whatever it is, as it is. */
function Facts({ title, value }: { title: string; value: unknown }) {
  if (value === null || value === undefined) return null
  return (
    <details class="json panel">
      <summary>{title}</summary>
      <pre tabIndex={0}>{JSON.stringify(value, null, 2)}</pre>
    </details>
  )
}
