import { Ban, RotateCcw, Skull } from 'lucide-preact'
import { useEffect, useState } from 'preact/hooks'
import type { TaskList, TaskRow } from '../../src/dashboard/api.ts'
import { serverNow } from '../live/clock.ts'
import { may } from '../live/fetching.ts'
import { actNow } from '../parts/confirm.tsx'
import { Histogram } from '../parts/histogram.tsx'
import { JobProgress } from '../parts/job-progress.tsx'
import { count, duration, many, shortId } from '../parts/numbers.ts'
import { Empty, ErrorState, Loading, Page } from '../parts/page.tsx'
import { Age, State } from '../parts/state.tsx'
import { Table, type Column, type Selection } from '../parts/table.tsx'
import { useUrlState } from '../shell/url-state.ts'
import { FilterBox } from './filter-box.tsx'
import { MOST_FRESH } from './known-rows.ts'
import { doToAll, doToTasks, type Verb } from './task-actions.ts'
import { TaskFacets } from './task-facets.tsx'
import { narrowed } from './task-filter.ts'
import { useTaskRows } from './task-rows.ts'

const hrefOf = ({ id }: TaskRow): string => `/tasks/${encodeURIComponent(id)}`

const COLUMNS: readonly Column<TaskRow>[] = [
  { key: 'state', title: 'State', width: '5.5rem', phone: '5.5rem', cell: ({ state }) => <State of={state} /> },
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(9rem, 1.4fr)',
    phone: 'minmax(0, 1fr)',
    cell: (row) => (
      <a href={hrefOf(row)} title={row.name ?? row.id}>
        {row.name ?? <span class="faint">name not known</span>}
      </a>
    ),
  },
  { key: 'id', title: 'Id', width: '5rem', cell: ({ id }) => <code title={id}>{shortId(id)}</code> },
  {
    key: 'args',
    title: 'Arguments, or the error',
    width: 'minmax(8rem, 2fr)',
    // What went wrong with a try before is no news of one that went well, or goes on.
    cell: ({ error, args, state }) =>
      error === null || state === 'SUCCESS' || state === 'STARTED' ? (
        <code title={args ?? ''}>{args}</code>
      ) : (
        <code class="bad" title={error}>
          {error}
        </code>
      ),
  },
  { key: 'wait', title: 'Waited', width: '4rem', isNumber: true, cell: ({ waitMs }) => duration(waitMs) },
  { key: 'run', title: 'Ran', width: '4rem', phone: '3.8rem', isNumber: true, cell: ({ runMs }) => duration(runMs) },
  {
    key: 'worker',
    title: 'Worker',
    width: 'minmax(6.6rem, 0.8fr)',
    cell: ({ worker }) =>
      worker && <a href={`/workers/${encodeURIComponent(worker)}`}>{worker.replace(/^celery@/, '')}</a>,
  },
  {
    key: 'when',
    title: 'Age',
    width: '3rem',
    phone: '2.4rem',
    isNumber: true,
    cell: ({ updatedMs }) => <Age at={updatedMs} />,
  },
]

const VERBS = [
  { verb: 'retry', word: 'Retry', icon: RotateCcw },
  { verb: 'revoke', word: 'Revoke', icon: Ban },
  { verb: 'terminate', word: 'Terminate', icon: Skull },
] as const

interface BulkProps {
  readonly list: TaskList
  readonly chosen: ReadonlySet<string>
  readonly q: string
  onDone(job: string | undefined): void
  onClear(): void
}

/** What can be done with what is selected, or with all that matches. */
function Bulk({ list, chosen, q, onDone, onClear }: BulkProps) {
  const [isAll, setAll] = useState(false)
  const run = async (verb: Verb): Promise<void> => {
    const answer = isAll
      ? await doToAll(verb, q, list.matching, list.asOfMs)
      : await doToTasks(verb, [...chosen], 'that you have selected')
    if (answer) onDone(answer.job)
  }
  return (
    <div class="bulk" role="toolbar" aria-label="Selected tasks">
      <span role="status">
        <b>{isAll ? `All ${count(list.matching)} that match` : `${count(chosen.size)} selected`}</b>
      </span>
      {list.matching > chosen.size && (
        <button type="button" class="plain" aria-pressed={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? `Only the ${many(chosen.size, 'selected one')}` : `Select all ${count(list.matching)} that match`}
        </button>
      )}
      {VERBS.map(({ verb, word, icon: Icon }) => (
        <button type="button" key={verb} disabled={!may('operate')} onClick={() => void run(verb)}>
          <Icon size={14} aria-hidden="true" /> {word}
        </button>
      ))}
      <button type="button" class="plain" onClick={onClear}>
        Clear
      </button>
    </div>
  )
}

export default function Tasks() {
  const { values, set } = useUrlState()
  const q = values['q'] ?? ''
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [isAway, setAway] = useState(false)
  const [job, setJob] = useState<string>()
  useEffect(() => {
    setChosen(new Set())
    setAway(false)
  }, [q])
  const { live, list, rows, isAsking, fresh, loadMore } = useTaskRows(q, isAway || chosen.size > 0)
  const selection: Selection = { chosen, set: setChosen }
  const filter = (next: string): void => set({ q: next })
  const error = live.error.value
  const facets = list?.facets
  return (
    <Page
      title="Tasks"
      isFull
      aside={
        list && (
          <span role="status">
            <b>{count(list.matching)}</b> <span class="faint">match of {count(list.held)} held</span>
          </span>
        )
      }
    >
      <FilterBox q={q} problem={error?.code === 'FILTER_INVALID' ? error : undefined} onFilter={filter} />
      {list?.histogram && (
        <Histogram
          {...list.histogram}
          label="Tasks that match"
          onBrush={(fromMs, toMs) => filter(narrowed(q, fromMs, toMs, serverNow()))}
        />
      )}
      {job !== undefined && <JobProgress id={job} onCancel={() => void actNow('job-cancel', { target: job })} />}
      {list && chosen.size > 0 && (
        <Bulk
          key={q}
          list={list}
          chosen={chosen}
          q={q}
          onClear={() => setChosen(new Set())}
          onDone={(id) => {
            setChosen(new Set())
            setJob(id)
          }}
        />
      )}
      {error && error.code !== 'FILTER_INVALID' && <ErrorState error={error} retry={() => void live.reload()} />}
      {!list && !error && <Loading />}
      {list && (
        <div class="split">
          {facets && (
            <details class="facets" open={matchMedia('(min-width: 720px)').matches}>
              <summary>Narrow down</summary>
              <TaskFacets facets={facets} q={q} onFilter={filter} />
            </details>
          )}
          <div class="listing">
            {fresh > 0 && (
              <button
                type="button"
                class="fresh"
                onClick={() => {
                  setChosen(new Set())
                  setAway(false)
                  document.querySelector('.table.long')?.scrollTo(0, 0)
                }}
              >
                {fresh >= MOST_FRESH ? `${count(fresh)} and more newer tasks` : many(fresh, 'newer task')}
              </button>
            )}
            <Table
              label="Tasks"
              columns={COLUMNS}
              rows={rows}
              keyOf={({ id }) => id}
              nameOf={({ name, id }) => `${name ?? 'task'} ${shortId(id)}`}
              hrefOf={hrefOf}
              selection={selection}
              isLong
              onEnd={loadMore}
              onScrolled={(top) => setAway(top > 0)}
              empty={
                !isAsking && (
                  <Empty title={q === '' ? 'No task has been heard of yet.' : 'No task matches.'}>
                    {q === ''
                      ? 'Send one, and it is here within a second. Workers tell of tasks with -E.'
                      : 'Take a word out of the filter.'}
                  </Empty>
                )
              }
            />
          </div>
        </div>
      )}
    </Page>
  )
}
