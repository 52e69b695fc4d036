// Before anything is changed: what will happen, and to how many. One dialog for the whole page.
import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { ActionInputs, ActionName } from '../../src/dashboard/action-api.ts'
import type { ActionAnswer } from '../../src/dashboard/api.ts'
import { act, refusalOf, type Refusal } from '../live/fetching.ts'
import { toast, toastError } from '../shell/toasts.tsx'
import { Modal } from './modal.tsx'

/** Something to fill in before. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly type: 'text' | 'number' | 'select' | 'check' | 'lines'
  readonly value: string
  readonly hint?: string
  readonly options?: readonly { readonly value: string; readonly label: string }[]
  readonly min?: number
  readonly max?: number
  /** What is wrong with a value; undefined: nothing. */
  check?(value: string): string | undefined
}

export type Answers = Readonly<Record<string, string>>

export interface Question {
  readonly title: string
  /** What will happen, to what and to how many, in one or two sentences. */
  readonly text: string
  /** The verb on the button: `Retry 12 tasks`. */
  readonly verb: string
  /** What cannot be taken back looks so. */
  readonly isDanger?: boolean
  readonly fields?: readonly Field[]
  /** Must be typed before the button works; for what costs most: the name of a queue that is purged. */
  readonly typed?: string
}

interface Asked extends Question {
  readonly carry: (answers: Answers) => Promise<ActionAnswer>
  resolve(answer: ActionAnswer | undefined): void
}

const asked = signal<Asked | undefined>(undefined)

/**
 * Asks, carries out `POST actions/<action>`, and tells what came of it. A refusal is shown in the dialog, so that what was
 * filled in is not lost. Undefined: the user did not want to.
 */
export async function confirmAct<Name extends ActionName>(
  question: Question,
  action: Name,
  body: ActionInputs[Name] | ((answers: Answers) => ActionInputs[Name]),
): Promise<ActionAnswer | undefined> {
  const carry = (answers: Answers): Promise<ActionAnswer> =>
    act(action, typeof body === 'function' ? body(answers) : body)
  const answer = await new Promise<ActionAnswer | undefined>((resolve) => {
    asked.value = { ...question, carry, resolve }
  })
  if (answer) tell(answer)
  return answer
}

/** Carries out an action that needs no question, and tells what came of it. */
export async function actNow<Name extends ActionName>(
  action: Name,
  body: ActionInputs[Name],
): Promise<ActionAnswer | undefined> {
  try {
    const answer = await act(action, body)
    tell(answer)
    return answer
  } catch (error) {
    toastError(error)
    return undefined
  }
}

function tell({ ok, text, each }: ActionAnswer): void {
  const failed = Object.entries(each ?? {}).filter(([, one]) => !one.ok)
  toast(ok ? 'ok' : 'bad', text, failed.map(([name, one]) => `${name}: ${one.text}`).join(' · ') || undefined)
}

export function ConfirmHost() {
  const question = asked.value
  return question ? <ConfirmDialog key={question.title + question.text} question={question} /> : null
}

function ConfirmDialog({ question }: { question: Asked }) {
  const { title, text, verb, isDanger, fields = [], typed, carry } = question
  const [answers, setAnswers] = useState<Answers>(Object.fromEntries(fields.map(({ name, value }) => [name, value])))
  const [written, setWritten] = useState('')
  const [refusal, setRefusal] = useState<Refusal>()
  const [isBusy, setBusy] = useState(false)
  const problems = fields.flatMap(({ name, check }) => check?.(answers[name] ?? '') ?? [])

  const close = (value: ActionAnswer | undefined): void => {
    asked.value = undefined
    question.resolve(value)
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    try {
      close(await carry(answers))
    } catch (error) {
      setRefusal(refusalOf(error))
      setBusy(false)
    }
  }

  return (
    <Modal title={title} onClose={() => close(undefined)} {...(isDanger ? { tone: 'bad' as const } : {})}>
      <form onSubmit={(event) => void submit(event)}>
        <p>{text}</p>
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={answers[field.name] ?? ''}
            onChange={(value) => setAnswers({ ...answers, [field.name]: value })}
          />
        ))}
        {typed !== undefined && (
          <label>
            Type <code>{typed}</code> to go on
            <input value={written} autocomplete="off" onInput={(event) => setWritten(event.currentTarget.value)} />
          </label>
        )}
        {refusal && (
          <p class="problem" role="alert">
            {refusal.message} {refusal.fix && <span class="fix">{refusal.fix}</span>}
          </p>
        )}
        <footer>
          <button type="button" onClick={() => close(undefined)}>
            Cancel
          </button>
          <button
            type="submit"
            class={isDanger ? 'danger' : 'primary'}
            disabled={isBusy || problems.length > 0 || (typed !== undefined && written !== typed)}
          >
            {isBusy ? 'Asking…' : verb}
          </button>
        </footer>
      </form>
    </Modal>
  )
}

function FieldInput({ field, value, onChange }: { field: Field; value: string; onChange(value: string): void }) {
  const { label, type, hint, options = [], min, max } = field
  const problem = field.check?.(value)
  if (type === 'check') {
    return (
      <label class="check">
        <input type="checkbox" checked={value === 'true'} onChange={(e) => onChange(String(e.currentTarget.checked))} />
        {label} {hint && <span class="faint">{hint}</span>}
      </label>
    )
  }
  return (
    <label>
      {label} {hint && <span class="faint">{hint}</span>}
      {type === 'select' ? (
        <select value={value} onChange={(e) => onChange(e.currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      ) : type === 'lines' ? (
        <textarea rows={5} spellcheck={false} value={value} onInput={(e) => onChange(e.currentTarget.value)} />
      ) : (
        <input
          {...(type === 'number' ? { type: 'number' as const, min, max } : { type: 'text' as const })}
          value={value}
          autocomplete="off"
          onInput={(e) => onChange(e.currentTarget.value)}
        />
      )}
      {problem && <span class="problem">{problem}</span>}
    </label>
  )
}
