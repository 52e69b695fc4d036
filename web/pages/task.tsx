import { Ban, Pencil, RotateCcw, Skull } from 'lucide-preact'
import { useRoute } from 'preact-iso'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { TaskDetail } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { Anatomy } from '../parts/anatomy.tsx'
import { Copy } from '../parts/copy.tsx'
import { clock, duration, exactly, shortId } from '../parts/numbers.ts'
import { Page, Panel } from '../parts/page.tsx'
import { progressOf } from '../parts/progress-of.ts'
import { Age, State } from '../parts/state.tsx'
import { doToTasks, retryEdited } from './task-actions.ts'
import { codeFor } from './task-code.ts'
import { TaskFamily } from './task-family.tsx'
import { filterLink } from './task-filter.ts'
import { TaskWhy } from './task-why.tsx'

/** How often a task that nobody has told of is asked for again. */
const ASK_AGAIN_MS = 2_000

const WAITING = /^(PENDING|SENT|RECEIVED|RETRY)$/
const SETTLED = /^(SUCCESS|FAILURE|REVOKED|REJECTED)$/

function Actions({ task }: { task: TaskDetail }) {
  const { id } = task
  const name = task.name ?? id
  const has = (verb: string): boolean => task.actions.some((one) => one === verb || one === `task-${verb}`)
  const whose = `${name} ${shortId(id)}`
  return (
    <>
      {has('retry') && (
        <>
          <button type="button" onClick={() => void doToTasks('retry', [id], whose)}>
            <RotateCcw size={14} aria-hidden="true" /> Retry
          </button>
          <button type="button" onClick={() => void retryEdited(id, name)}>
            <Pencil size={14} aria-hidden="true" /> Retry with other arguments
          </button>
        </>
      )}
      {has('revoke') && (
        <button type="button" onClick={() => void doToTasks('revoke', [id], whose)}>
          <Ban size={14} aria-hidden="true" /> Revoke
        </button>
      )}
      {has('terminate') && (
        <button type="button" onClick={() => void doToTasks('terminate', [id], whose)}>
          <Skull size={14} aria-hidden="true" /> Terminate
        </button>
      )}
      <Copy text={codeFor(task)} label="Copy as code" word="Copy as code" />
    </>
  )
}

/** A text in full; long ones scroll. */
function Text({ title, text, isBad = false }: { title: string; text: string | null; isBad?: boolean }) {
  if (text === null) return null
  return (
    <Panel title={title} kind="text" aside={<Copy text={text} label={`Copy ${title.toLowerCase()}`} />}>
      <pre class={isBad ? 'bad' : ''} tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </Panel>
  )
}

/** As a bar and a sentence where it is of a usual shape; all that it tells as it is. */
function Progress({ task: { progress, progressUnknown } }: { task: TaskDetail }) {
  if ((progress === null || progress === undefined) && progressUnknown === undefined) return null
  const { part, count, text } = progressOf(progress)
  const percent = part === null ? null : `${Math.floor(part * 100)}%`
  return (
    <Panel title="Progress" kind="text">
      {percent !== null && (
        <p class="pad">
          <progress max={1} value={part ?? 0} aria-label="Progress" /> {percent}
          {count !== null && `, ${count}`}
        </p>
      )}
      {text !== null && <p class="pad">{text}</p>}
      {typeof progress === 'object' && progress !== null && (
        <pre tabIndex={0} aria-label="Progress as told">
          {JSON.stringify(progress, undefined, 2)}
        </pre>
      )}
      {progressUnknown !== undefined && (
        <p class="pad faint">
          {progress === null ? 'Not known' : 'Maybe no longer so'}: {progressUnknown}.
        </p>
      )}
    </Panel>
  )
}

function Facts({ task }: { task: TaskDetail }) {
  const link = (key: string, value: string | null): ComponentChildren =>
    value === null ? null : <a href={filterLink({ [key]: value })}>{value}</a>
  const time = (ms: number | null): ComponentChildren =>
    ms === null ? null : (
      <>
        {exactly(ms)}{' '}
        <span class="faint">
          (<Age at={ms} ago />)
        </span>
      </>
    )
  const rows: readonly (readonly [string, ComponentChildren])[] = [
    ['Queue', task.queue && <a href={`/queues/${encodeURIComponent(task.queue)}`}>{task.queue}</a>],
    ['Worker', task.worker && <a href={`/workers/${encodeURIComponent(task.worker)}`}>{task.worker}</a>],
    ['Name', link('name', task.name)],
    ['Retries', task.retries > 0 ? task.retries : null],
    ['Waited', task.waitMs === null ? null : duration(task.waitMs)],
    ['Ran', task.runMs === null ? null : duration(task.runMs)],
    ['Sent', time(task.sentMs)],
    ['Started', time(task.startedMs)],
    ['Ended', time(task.endedMs)],
    ['Due', time(task.etaMs)],
    ['Expires', time(task.expiresMs)],
    ['Sent by', task.client],
    ['Exchange', task.exchange],
    ['Routing key', task.routingKey],
    ['Parent', task.parentId && <a href={`/tasks/${encodeURIComponent(task.parentId)}`}>{shortId(task.parentId)}</a>],
    [
      'Root',
      task.rootId && task.rootId !== task.id && (
        <a href={`/tasks/${encodeURIComponent(task.rootId)}`}>{shortId(task.rootId)}</a>
      ),
    ],
  ]
  return (
    <Panel title="Facts">
      <dl class="facts">
        {rows.flatMap(([word, value]) =>
          value ? (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{value}</dd>
            </div>
          ) : (
            []
          ),
        )}
      </dl>
    </Panel>
  )
}

function Events({ events }: { events: TaskDetail['events'] }) {
  return (
    <Panel title="Events">
      <ol class="events">
        {events.map(({ type, atMs, worker }, index) => (
          <li key={`${atMs}${type}${index}`}>
            <time dateTime={new Date(atMs).toISOString()} title={exactly(atMs)}>
              {clock(atMs)}
            </time>
            <b>{type}</b>
            <span class="faint">{worker}</span>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

export default function Task() {
  const { params } = useRoute()
  const id = params['id'] ?? ''
  const live = useLive<TaskDetail>('task', { task: id }, `tasks/${encodeURIComponent(id)}`)
  const task = live.data.value
  const name = task?.name ?? 'Task'
  // Who opens the page of a task at once may be faster than its first event.
  const isUnknown = live.error.value?.status === 404
  useEffect(() => {
    if (!isUnknown) return undefined
    const timer = setInterval(() => void live.reload(), ASK_AGAIN_MS)
    return () => clearInterval(timer)
  }, [isUnknown, live])
  return (
    <Page title={name} live={live} aside={task && <Actions task={task} />}>
      {task && (
        <>
          <p class="ident">
            <State of={task.state} />
            <code>{id}</code>
            <Copy text={id} label="Copy the id" />
          </p>
          <Anatomy stretches={task.stretches} state={task.state} />
          <div class="columns">
            <div class="stack">
              {task.state !== 'SUCCESS' && task.state !== 'STARTED' && (
                <TaskWhy
                  key={id}
                  id={id}
                  state={task.state}
                  isWaiting={WAITING.test(task.state) || !SETTLED.test(task.state)}
                />
              )}
              <Progress task={task} />
              <Text title="Error" text={task.error} isBad />
              <Text title="Traceback" text={task.traceback} />
              <Text title="Arguments" text={task.args} />
              {task.kwargs !== '{}' && <Text title="Named arguments" text={task.kwargs} />}
              <Text title="Result" text={task.result} />
            </div>
            <div class="stack">
              <Facts task={task} />
              <TaskFamily family={task.family} id={id} />
              <Events events={task.events} />
            </div>
          </div>
        </>
      )}
    </Page>
  )
}
