import { LovageError, messageOf } from '../base/errors.ts'
import { expand, type Expansions } from './expand.ts'
import { entryOf, type Ini } from './ini.ts'
import type { Home } from './values.ts'

/** Reads one value of a section; throws an Error that says what is wrong with it. */
type Read<T> = (text: string, home: Home) => T

const FIX = 'Correct it; docs/guide-supervisor.md tells what each option takes'

/** The sections of a configuration, read option by option. What is wrong is told with file, line, section and option. */
export class SectionReader implements Home {
  readonly ini: Ini
  readonly file: string
  /** What stands for `~`. */
  readonly home: string
  /** What every value may name. */
  expansions: Expansions
  /** What somebody has asked for, as `section option`. */
  readonly #asked = new Set<string>()

  constructor(ini: Ini, file: string, home: string, expansions: Expansions) {
    this.ini = ini
    this.file = file
    this.home = home
    this.expansions = expansions
  }

  /** The text of an option as it is written; undefined: it is not there. */
  raw(section: string, option: string): string | undefined {
    this.#asked.add(`${section} ${option}`)
    return entryOf(this.ini, section, option)?.value
  }

  /** The text of an option, expanded. */
  text(section: string, option: string, more: Expansions = {}): string | undefined {
    const raw = this.raw(section, option)
    if (raw === undefined) return undefined
    return this.guard(section, option, () => this.expanded(section, option, raw, more))
  }

  /** The value of an option, or `fallback`. */
  value<T>(section: string, option: string, read: Read<T>, fallback: T, more: Expansions = {}): T {
    const text = this.text(section, option, more)
    return text === undefined ? fallback : this.guard(section, option, () => read(text, this))
  }

  /** `text` with its names filled in, as it would be in place of that option. */
  expanded(section: string, option: string, text: string, more: Expansions): string {
    const here = entryOf(this.ini, section, option)?.here
    return expand(text, { ...this.expansions, ...(here === undefined ? {} : { here }), ...more })
  }

  /** Names the place of an option in what `read` throws. */
  guard<T>(section: string, option: string, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (error instanceof LovageError) throw error
      throw this.invalid(section, option, messageOf(error))
    }
  }

  /** The error of an option; without one, of the whole section. */
  invalid(section: string, option: string | undefined, problem: string, fix = FIX): LovageError {
    const entry = option === undefined ? undefined : entryOf(this.ini, section, option)
    const { file, line } = entry ?? this.ini.get(section) ?? { file: this.file, line: 1 }
    const subject = option === undefined ? `[${section}]` : `[${section}] ${option}`
    return new LovageError('SUPERVISOR_CONFIG_INVALID', {
      at: `${file}:${line}`,
      ...{ file, line, section, option, subject, problem, fix },
    })
  }

  /** What is there and nobody has asked for. */
  unasked(): string[] {
    return [...this.ini.values()].flatMap(({ name, entries }) =>
      [...entries]
        .filter(([option]) => !this.#asked.has(`${name} ${option}`))
        .map(([option, { file, line }]) => `${file}:${line}: [${name}] ${option} has no effect`),
    )
  }
}
