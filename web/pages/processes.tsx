import { useSignal } from '@preact/signals'
import { X } from 'lucide-preact'
import { useMemo } from 'preact/hooks'
import type { JobList, ProcessList } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { actNow } from '../parts/confirm.tsx'
import { JobView } from '../parts/job-progress.tsx'
import { mayAct } from '../parts/may-act.ts'
import { many } from '../parts/numbers.ts'
import { Empty, Page } from '../parts/page.tsx'
import { toast } from '../shell/toasts.tsx'
import { useUrlState } from '../shell/url-state.ts'
import { BatchDialog } from './process-batch.tsx'
import { entriesOf, idOf, sectionsOf, VIEWS, type Entry, type Section, type Verb } from './process-groups.ts'
import { ProcessLog } from './process-log.tsx'
import { ProcessSection, Verbs } from './process-section.tsx'
import './fleet.css'
import './processes.css'

/** Up to so many rows everything is unfolded; beyond, what needs a look. */
const UNFOLDED = 60

const isWell = ({ gone, states }: Section): boolean =>
  gone === undefined && states.every(([state]) => ['RUNNING', 'STOPPED', 'EXITED'].includes(state))

/** A page that lists jobs that ended long ago tells nothing. */
const JOB_SHOWN_MS = 600_000

export default function ProcessesPage() {
  const live = useLive<ProcessList>('processes')
  const { values, set } = useUrlState()
  const selected = useSignal<ReadonlySet<string>>(new Set())
  const folds = useSignal<Readonly<Record<string, boolean>>>({})
  const asked = useSignal<{ readonly verb: Verb; readonly entries: readonly Entry[] } | null>(null)
  const list = live.data.value
  const view = VIEWS.find((each) => each === values['view']) ?? 'group'
  const filter = values['q'] ?? ''
  const sections = useMemo(() => (list ? sectionsOf(list, view, filter) : []), [list, view, filter])
  const ids = useMemo(() => new Set(list?.processes.map(idOf)), [list])
  const shown = sections.reduce((sum, { entries }) => sum + entries.length, 0)
  const isAllowed = mayAct('process')
  // What was selected and is filtered away is not acted upon.
  const chosen = sections.flatMap(({ entries }) => entries.filter(({ id }) => selected.value.has(id)))

  const select = (entries: readonly Entry[], isSelected: boolean): void => {
    const next = new Set(selected.value)
    for (const { id } of entries) {
      if (isSelected) next.add(id)
      else next.delete(id)
    }
    selected.value = next
  }
  const ask = (verb: Verb, entries: readonly Entry[]): void => {
    asked.value = { verb, entries }
  }
  const gone = list?.hosts.filter(({ unreachable }) => unreachable !== undefined).length ?? 0

  return (
    <Page
      title="Processes"
      live={live}
      isFull={values['log'] !== undefined}
      aside={
        <>
          {list && (
            <span>
              <b>{list.processes.length}</b> on {many(list.hosts.length, 'host')}
              {gone > 0 && <span class="toned tone-warn">, {gone} unreachable</span>}
            </span>
          )}
          <div class="choice" role="group" aria-label="View">
            {VIEWS.map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={each === view}
                onClick={() => set({ view: each }, { push: true })}
              >
                by {each}
              </button>
            ))}
          </div>
          <input
            type="search"
            aria-label="Filter processes"
            placeholder="mail* state:fatal"
            value={filter}
            onInput={(event) => set({ q: event.currentTarget.value })}
          />
        </>
      }
    >
      <div class="processes">
        <Jobs ids={ids} />
        {isAllowed && chosen.length > 0 && (
          <div class="bar selection">
            <b>{many(chosen.length, 'process', 'processes')} selected</b>
            <Verbs whom="the selected" onVerb={(verb) => ask(verb, chosen)} />
            <button type="button" class="icon" aria-label="Select none" onClick={() => (selected.value = new Set())}>
              <X size={14} aria-hidden="true" />
            </button>
          </div>
        )}
        {sections.map((section) => {
          const fold = `${view}:${section.key}`
          return (
            <ProcessSection
              key={fold}
              section={section}
              view={view}
              isOpen={folds.value[fold] ?? (shown <= UNFOLDED || !isWell(section))}
              selected={selected.value}
              isAllowed={isAllowed}
              onOpen={(isOpen) => (folds.value = { ...folds.value, [fold]: isOpen })}
              onSelect={select}
              onVerb={ask}
              onLog={(id) => set({ log: id }, { push: true })}
            />
          )
        })}
        {list && sections.length === 0 && (
          <Empty title={list.missing ?? (list.processes.length > 0 ? 'No process fits the filter' : 'No processes')}>
            {list.processes.length === 0 &&
              'Hosts of a hosts file are shown here, ours and supervisord’s: lovage dashboard --hosts hosts.yaml'}
          </Empty>
        )}
      </div>
      {values['log'] !== undefined && (
        <ProcessLog
          key={values['log']}
          target={values['log']}
          onClose={() => set({ log: undefined }, { push: true })}
        />
      )}
      {asked.value && (
        <BatchDialog
          verb={asked.value.verb}
          entries={list ? current(list, asked.value.entries) : []}
          onClose={() => (asked.value = null)}
          onDone={({ ok, text }) => {
            asked.value = null
            selected.value = new Set()
            toast(ok ? 'ok' : 'bad', text)
          }}
        />
      )}
    </Page>
  )
}

/** The same processes as they are now: a host may have gone while the dialog was open. */
function current(list: ProcessList, entries: readonly Entry[]): Entry[] {
  const ids = new Set(entries.map(({ id }) => id))
  return entriesOf(list, '').filter(({ id }) => ids.has(id))
}

/** Batches that go on, and those that ended a while ago until they are closed. */
function Jobs({ ids }: { ids: ReadonlySet<string> }) {
  const jobs = useLive<JobList>('jobs')
  const closed = useSignal<ReadonlySet<string>>(new Set())
  const newest = jobs.data.value?.jobs ?? []
  const since = (jobs.atMs.value ?? 0) - JOB_SHOWN_MS
  const shown = newest
    .filter(({ id, isOver, atMs }) => !closed.value.has(id) && (!isOver || atMs > since))
    // Batches of tasks are shown with the tasks.
    .filter(({ items }) => items.some(({ target }) => ids.has(target)))
    .slice(0, 3)
  return (
    <>
      {shown.map((job) => (
        <div key={job.id} class="job-frame">
          <JobView job={job} onCancel={() => void actNow('job-cancel', { target: job.id })} />
          {job.isOver && (
            <button
              type="button"
              class="icon"
              aria-label={`Close ${job.title}`}
              onClick={() => (closed.value = new Set([...closed.value, job.id]))}
            >
              <X size={14} aria-hidden="true" />
            </button>
          )}
        </div>
      ))}
    </>
  )
}
