import { rowOf, plainText } from './celery-settings.ts'
import type { Code } from './typescript.ts'
import { shownInPython, unknownIn, type PythonValue } from './python-value.ts'

/** What does not carry over, or carries over otherwise than it stood. */
export interface Note {
  /** Celery's name as the file has it, or none where it is about all. */
  readonly name: string | undefined
  readonly text: string
}

/** What a configuration of Celery becomes, while it is worked out. */
export class Migration {
  /** Settings of ours, by name. */
  readonly settings = new Map<string, unknown>()
  /** Members of the setting `worker`. */
  readonly worker = new Map<string, unknown>()
  /** Entries of the schedule, by name, as code. */
  readonly entries = new Map<string, Code>()
  /** What those entries are made with. */
  readonly beatKinds = new Set<string>()
  readonly notes: Note[] = []
  readonly #values: ReadonlyMap<string, { readonly calledThere: string; readonly value: PythonValue }>

  constructor(values: Migration['values']) {
    this.#values = values
  }

  /** What the file has, by Celery's names of today. */
  get values(): ReadonlyMap<string, { readonly calledThere: string; readonly value: PythonValue }> {
    return this.#values
  }

  /** The value of a setting that is there, is known and is not None. */
  value(name: string): PythonValue | undefined {
    const value = this.#values.get(name)?.value
    return value === undefined || value === null || unknownIn(value) !== undefined ? undefined : value
  }

  note(name: string | undefined, text: string): void {
    this.notes.push({ name: name === undefined ? undefined : (this.#values.get(name)?.calledThere ?? name), text })
  }

  /** Says that a value has another kind than the setting takes. */
  unfit(name: string, value: PythonValue, what: string): void {
    this.note(name, `is ${shownInPython(value)}, and ${what} was expected: it is left out`)
  }

  /** Says what there is instead, as the page says it. */
  instead(name: string): void {
    this.note(name, plainText(rowOf(name)?.here ?? 'not there'))
  }
}

/** What makes a setting of Celery's into ours. The value is known, and not None. */
export type Converter = (to: Migration, value: PythonValue, name: string) => void
