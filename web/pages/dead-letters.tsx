import { useSignal } from '@preact/signals'
import type { DeadList } from '../../src/dashboard/api.ts'
import { useFetched } from '../live/fetched.ts'
import { confirmAct } from '../parts/confirm.tsx'
import { mayAct } from '../parts/may-act.ts'
import { bytes, count, many, shortId } from '../parts/numbers.ts'
import { Empty, Panel } from '../parts/page.tsx'
import { Age, State } from '../parts/state.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { taskHref, tasksHref } from './fleet-links.tsx'

type Letter = DeadList['letters'][number]

const SHOWN = 100

/** As actions name it; null: it has no id, and goes only with all the others. */
const keyOf = ({ id, code }: Letter): string | null => (id === null ? null : `${id}:${code}`)

const COLUMNS: readonly Column<Letter>[] = [
  {
    key: 'task',
    title: 'Task',
    width: 'minmax(8rem, 1fr)',
    phone: 'minmax(0, 1fr)',
    cell: ({ task }) =>
      task === null ? <span class="faint">unreadable</span> : <a href={tasksHref({ name: task })}>{task}</a>,
  },
  {
    key: 'id',
    title: 'Id',
    width: '6rem',
    cell: ({ id }) =>
      id === null ? (
        <span class="faint">–</span>
      ) : (
        <a class="mono" href={taskHref(id)}>
          {shortId(id)}
        </a>
      ),
  },
  {
    key: 'why',
    title: 'Why',
    width: 'minmax(12rem, 2.4fr)',
    phone: 'minmax(0, 1.4fr)',
    cell: ({ code, message }) => (
      <span class="two-lines">
        <State of={code} tone="bad" /> <span class="faint">{message}</span>
      </span>
    ),
  },
  { key: 'bytes', title: 'Size', width: '4.4rem', isNumber: true, cell: (letter) => bytes(letter.bytes) },
  {
    key: 'at',
    title: 'When',
    width: '4rem',
    phone: '3rem',
    isNumber: true,
    cell: ({ atMs }) => <Age at={atMs} />,
  },
]

/** What ended in the dead letters of a queue, and the ways out of there. */
export function DeadLetters({ queue, count: known }: { queue: string; count: number | null }) {
  const live = useFetched<DeadList>(`queues/${encodeURIComponent(queue)}/dead?limit=${SHOWN}`)
  const chosen = useSignal<ReadonlySet<string>>(new Set())
  const list = live.data.value
  const letters = list?.letters ?? []
  // Letters may share an id and a reason; rows may not share a key.
  const rowKeys = new Map(letters.map((letter, index) => [letter, `${index}|${keyOf(letter) ?? ''}`]))
  const rowKey = (letter: Letter): string => rowKeys.get(letter) ?? ''
  const keys = letters.flatMap((letter) => (chosen.value.has(rowKey(letter)) ? (keyOf(letter) ?? []) : []))

  const act = async (verb: 'requeue' | 'drop', which: 'all' | readonly string[]): Promise<void> => {
    const how = which === 'all' ? `all ${count(list?.total ?? 0)} letters` : many(which.length, 'letter')
    const answer = await confirmAct(
      verb === 'requeue'
        ? {
            title: `Requeue ${how}`,
            text: `They go back to ${queue} and are run again, as new.`,
            verb: 'Requeue',
          }
        : {
            title: `Drop ${how}`,
            text: 'They will be gone for good, and what they say with them.',
            verb: 'Drop',
            isDanger: true,
            ...(which === 'all' ? { typed: queue } : {}),
          },
      verb === 'requeue' ? 'dead-requeue' : 'dead-drop',
      { target: queue, keys: which },
    )
    if (!answer) return
    chosen.value = new Set()
    await live.reload()
  }

  const total = list?.total ?? known ?? 0
  return (
    <div id="dead">
      <Panel
        title={`Dead letters: ${total === 0 ? 'none' : count(total)}`}
        aside={
          total > 0 &&
          mayAct('dead-requeue') && (
            <span class="bar" role="toolbar" aria-label="Actions on dead letters">
              {keys.length > 0 && (
                <>
                  <button type="button" onClick={() => void act('requeue', keys)}>
                    Requeue {keys.length}
                  </button>
                  {mayAct('dead-drop') && (
                    <button type="button" onClick={() => void act('drop', keys)}>
                      Drop {keys.length}
                    </button>
                  )}
                </>
              )}
              <button type="button" onClick={() => void act('requeue', 'all')}>
                Requeue all
              </button>
              {mayAct('dead-drop') && (
                <button type="button" class="danger" onClick={() => void act('drop', 'all')}>
                  Drop all…
                </button>
              )}
            </span>
          )
        }
      >
        {live.error.value ? (
          <p class="problem inset">{live.error.value.message}</p>
        ) : (
          <Table
            label="Dead letters"
            columns={COLUMNS}
            rows={letters}
            keyOf={rowKey}
            nameOf={({ task, id }) => `${task ?? 'unreadable letter'} ${id ?? ''}`}
            classOf={() => 'tall'}
            {...(mayAct('dead-requeue')
              ? { selection: { chosen: chosen.value, set: (next: ReadonlySet<string>) => (chosen.value = next) } }
              : {})}
            empty={
              <Empty title="No dead letters">
                What cannot be read, is known to no worker or has ended too many of them would lie here.
              </Empty>
            }
          />
        )}
        {letters.length > 0 && total > letters.length && (
          <p class="faint inset">
            The newest {letters.length} of {count(total)}.
          </p>
        )}
      </Panel>
    </div>
  )
}
