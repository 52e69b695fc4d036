// How processes are started, stopped or restarted: asked for in one dialog, done as a job.
import { useState } from 'preact/hooks'
import type { ActionInputs } from '../../src/dashboard/action-api.ts'
import type { ActionAnswer } from '../../src/dashboard/api.ts'
import { act, refusalOf, type Refusal } from '../live/fetching.ts'
import { many } from '../parts/numbers.ts'
import { Modal } from '../parts/modal.tsx'
import type { Entry, Verb } from './process-groups.ts'

/** So many are named; the others are counted. */
const NAMED = 10

const capital = (word: string): string => `${word[0]?.toUpperCase()}${word.slice(1)}`

export interface BatchDialogProps {
  readonly verb: Verb
  readonly entries: readonly Entry[]
  readonly onDone: (answer: ActionAnswer) => void
  readonly onClose: () => void
}

export function BatchDialog({ verb, entries, onDone, onClose }: BatchDialogProps) {
  // What does not answer now would fail for certain, and stop all the others.
  const reached = entries.filter(({ goneSinceMs }) => goneSinceMs === null)
  const gone = entries.length - reached.length
  const isMany = reached.length > 1
  const [isRolling, setRolling] = useState(verb === 'restart')
  const [atOnce, setAtOnce] = useState(1)
  const [stopOnFailure, setStopOnFailure] = useState(true)
  const [refusal, setRefusal] = useState<Refusal>()
  const [isBusy, setBusy] = useState(false)

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    const body: ActionInputs['process'] = {
      target: reached.map(({ id }) => id),
      verb,
      ...(isMany ? { atOnce: isRolling ? atOnce : 0, stopOnFailure: isRolling && stopOnFailure } : {}),
    }
    try {
      onDone(await act('process', { ...body }))
    } catch (error) {
      setRefusal(refusalOf(error))
      setBusy(false)
    }
  }

  const first = reached[0]?.id ?? ''
  const title = `${capital(verb)} ${isMany ? many(reached.length, 'process', 'processes') : first}`
  return (
    <Modal title={title} onClose={onClose} {...(verb === 'start' ? {} : { tone: 'bad' as const })}>
      <form onSubmit={(event) => void submit(event)}>
        {isMany && (
          <ul class="targets">
            {reached.slice(0, NAMED).map(({ id }) => (
              <li key={id}>{id}</li>
            ))}
            {reached.length > NAMED && <li class="faint">and {reached.length - NAMED} more</li>}
          </ul>
        )}
        {!isMany && verb !== 'start' && <p>What it is doing ends: it is told to stop, and killed if it does not.</p>}
        {gone > 0 && (
          <p class="problem">
            {many(gone, 'more process', 'more processes')} cannot be reached now and will be left alone.
          </p>
        )}
        {isMany && (
          <fieldset>
            <legend>How</legend>
            <label class="check">
              <input type="radio" name="how" checked={!isRolling} onChange={() => setRolling(false)} />
              All at once
            </label>
            <label class="check">
              <input type="radio" name="how" checked={isRolling} onChange={() => setRolling(true)} />
              Rolling, so many at a time:
              <input
                type="number"
                aria-label="How many at a time"
                min={1}
                max={reached.length}
                value={atOnce}
                disabled={!isRolling}
                onInput={(event) => setAtOnce(Math.max(1, Math.floor(event.currentTarget.valueAsNumber) || 1))}
              />
            </label>
            <label class="check">
              <input
                type="checkbox"
                checked={stopOnFailure && isRolling}
                disabled={!isRolling}
                onChange={(event) => setStopOnFailure(event.currentTarget.checked)}
              />
              Stop where one fails
            </label>
          </fieldset>
        )}
        {refusal && (
          <p class="problem" role="alert">
            {refusal.message} {refusal.fix && <span class="fix">{refusal.fix}</span>}
          </p>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={verb === 'start' ? 'primary' : 'danger'}
            disabled={isBusy || reached.length === 0}
          >
            {isBusy ? 'Asking…' : capital(verb)}
          </button>
        </footer>
      </form>
    </Modal>
  )
}
