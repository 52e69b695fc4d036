import { Play, RotateCw, ScrollText, Square } from 'lucide-preact'
import { now } from '../live/clock.ts'
import { age, clock, duration, exactly, many } from '../parts/numbers.ts'
import { Ribbon } from '../parts/ribbon.tsx'
import { Age, State, toneOf, type Tone } from '../parts/state.tsx'
import { nameOf, stretchesOf, UNREACHABLE, type Entry, type Section, type Verb, type View } from './process-groups.ts'

const DAY_MS = 86_400_000

const toneFor = (state: string): Tone => (state === UNREACHABLE ? 'warn' : toneOf(state))

const VERBS: readonly { readonly verb: Verb; readonly word: string; readonly icon: typeof Play }[] = [
  { verb: 'start', word: 'Start', icon: Play },
  { verb: 'stop', word: 'Stop', icon: Square },
  { verb: 'restart', word: 'Restart', icon: RotateCw },
]

/** Start, stop, restart. */
export function Verbs({ whom, onVerb }: { whom: string; onVerb: (verb: Verb) => void }) {
  return (
    <span class="bar" role="toolbar" aria-label={`Actions on ${whom}`}>
      {VERBS.map(({ verb, word, icon: Icon }) => (
        <button key={verb} type="button" aria-label={`${word} ${whom}`} onClick={() => onVerb(verb)}>
          <Icon size={12} aria-hidden="true" /> <span>{word}</span>
        </button>
      ))}
    </span>
  )
}

export interface SectionProps {
  readonly section: Section
  readonly view: View
  readonly isOpen: boolean
  readonly selected: ReadonlySet<string>
  readonly isAllowed: boolean
  readonly onOpen: (isOpen: boolean) => void
  readonly onSelect: (entries: readonly Entry[], isSelected: boolean) => void
  readonly onVerb: (verb: Verb, entries: readonly Entry[]) => void
  readonly onLog: (id: string) => void
}

export function ProcessSection(props: SectionProps) {
  const { section, view, isOpen, selected, isAllowed, onOpen, onSelect, onVerb } = props
  const { key, entries, states, hosts, gone } = section
  const chosen = entries.filter(({ id }) => selected.has(id)).length
  const isAll = entries.length > 0 && chosen === entries.length
  return (
    <section class={`panel processes-section ${gone ? 'is-gone' : ''}`} aria-label={key}>
      <header>
        {isAllowed && (
          <input
            type="checkbox"
            aria-label={`Select all of ${key}`}
            checked={isAll}
            disabled={entries.length === 0}
            ref={(box) => {
              if (box) box.indeterminate = chosen > 0 && !isAll
            }}
            onChange={() => onSelect(entries, !isAll)}
          />
        )}
        <button type="button" class="fold" aria-expanded={isOpen} onClick={() => onOpen(!isOpen)}>
          <svg class="turn" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <path d="M3 1.5 7 5 3 8.5" />
          </svg>
          <b>{view === 'state' ? key.toLowerCase() : key}</b>
        </button>
        <span class="faint size">
          {many(entries.length, 'process', 'processes')}
          {view !== 'host' && ` on ${many(hosts, 'host')}`}
        </span>
        <span class="states">
          {view !== 'state' &&
            states.map(([state, times]) => (
              <span key={state} class="of-state">
                <b>{times}</b> <State of={state} tone={toneFor(state)} />
              </span>
            ))}
        </span>
        {gone && (
          <span class="gone">
            <State of="unreachable" tone="warn" /> since {clock(gone.sinceMs)}{' '}
            <span class="faint">
              ({age(now.value - gone.sinceMs)}): {gone.why}
            </span>
          </span>
        )}
        {isAllowed && entries.length > 0 && !gone && <Verbs whom={key} onVerb={(verb) => onVerb(verb, entries)} />}
      </header>
      {isOpen && entries.length > 0 && (
        <ul>
          {entries.map((entry) => (
            <Row key={entry.id} entry={entry} {...props} />
          ))}
        </ul>
      )}
    </section>
  )
}

/** Since when, or how it ended, in few words. */
function Since({ entry: { row, state } }: { entry: Entry }) {
  if (state === UNREACHABLE) return <span class="faint">last known {row.state.toLowerCase()}</span>
  if (row.state === 'RUNNING' && row.startMs !== null) {
    return (
      <span title={`since ${exactly(row.startMs)}${row.pid === null ? '' : `, pid ${row.pid}`}`}>
        up {duration(now.value - row.startMs)}
      </span>
    )
  }
  if (row.error) return <span class="problem">{row.error}</span>
  if (row.state === 'EXITED' && row.exitStatus !== null) {
    return (
      <span>
        exit {row.exitStatus} <Age at={row.stopMs} ago />
      </span>
    )
  }
  if (row.stopMs !== null && row.state === 'STOPPED') return <Age at={row.stopMs} ago />
  return <span class="faint">{row.description}</span>
}

function Row({ entry, view, selected, isAllowed, onSelect, onVerb, onLog }: SectionProps & { entry: Entry }) {
  const { id, row, state, goneSinceMs } = entry
  const at = now.value
  const name = nameOf(row)
  const stretches = stretchesOf(row.history, at - DAY_MS, at).map((stretch) => {
    // What is not known since a host has gone is told as that, whatever was the last.
    const of =
      goneSinceMs !== null && stretch.toMs > goneSinceMs && stretch.fromMs >= goneSinceMs ? 'unknown' : stretch.state
    const text = `${of.toLowerCase()} for ${duration(stretch.toMs - stretch.fromMs)}`
    return { ...stretch, tone: of === 'unknown' ? ('wait' as const) : toneOf(of), text }
  })
  return (
    <li class={`${goneSinceMs === null ? '' : 'is-gone'} ${selected.has(id) ? 'is-chosen' : ''}`}>
      {isAllowed && (
        <input
          type="checkbox"
          aria-label={`Select ${id}`}
          checked={selected.has(id)}
          onChange={(event) => onSelect([entry], event.currentTarget.checked)}
        />
      )}
      <span class="name">
        {view === 'host' ? (
          name
        ) : (
          <>
            {view === 'group' ? row.name : name} <span class="faint">{row.host}</span>
          </>
        )}
      </span>
      <State of={state} tone={toneFor(state)} />
      <span class="since">
        <Since entry={entry} />
      </span>
      <Ribbon fromMs={at - DAY_MS} toMs={at} spans={stretches} label={ribbonWords(id, state, stretches)} />
      <span class="doings">
        <button type="button" class="icon" aria-label={`Log of ${id}`} title="Log" onClick={() => onLog(id)}>
          <ScrollText size={14} aria-hidden="true" />
        </button>
        {isAllowed && goneSinceMs === null && (
          <RowVerbs id={id} state={state} onVerb={(verb) => onVerb(verb, [entry])} />
        )}
      </span>
    </li>
  )
}

/** What makes sense for one in its state. */
function RowVerbs({ id, state, onVerb }: { id: string; state: string; onVerb: (verb: Verb) => void }) {
  const isUp = state === 'RUNNING' || state === 'STARTING' || state === 'BACKOFF'
  return (
    <>
      {VERBS.filter(({ verb }) => state !== 'STOPPING' && (verb === 'start' ? !isUp : isUp)).map(
        ({ verb, word, icon: Icon }) => (
          <button
            key={verb}
            type="button"
            class="icon"
            aria-label={`${word} ${id}`}
            title={word}
            onClick={() => onVerb(verb)}
          >
            <Icon size={13} aria-hidden="true" />
          </button>
        ),
      )}
    </>
  )
}

function ribbonWords(
  id: string,
  state: string,
  stretches: readonly { readonly fromMs: number; readonly toMs: number; readonly state: string }[],
): string {
  const changes = Math.max(0, stretches.length - 1)
  return `${id}, last 24 h: ${many(changes, 'change')} of state, now ${state.toLowerCase()}`
}
