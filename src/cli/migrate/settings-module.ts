import { Code, memberOf, typescriptOf } from './typescript.ts'

/** What a schedule becomes. */
export interface BeatCode {
  readonly entries: ReadonlyMap<string, Code>
  /** What of `lovage/beat` they are made with. */
  readonly beatKinds: ReadonlySet<string>
}

/**
 * A TypeScript module that exports the settings, and the entries of the schedule where there are any. `from` is the name of
 * the file that they come from.
 */
export function settingsModule(settings: Record<string, unknown>, from: string, beat?: BeatCode): string {
  const object = typescriptOf(settings)
  // A name of a file may have line ends, and what is behind one would be code.
  const file = from.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ')
  const lines = [`// Settings of ${file}, by \`lovage migrate\`.`]
  if (usesCores(settings)) lines.push("import { availableParallelism } from 'node:os'")
  const hasBeat = beat !== undefined && beat.entries.size > 0
  lines.push(`import type { ${hasBeat ? 'App, ' : ''}GivenSettings } from 'lovage'`)
  if (hasBeat) lines.push(`import { ${[...beat.beatKinds].toSorted().join(', ')} } from 'lovage/beat'`)
  lines.push('', `export const settings: GivenSettings = ${object}`, '')
  if (hasBeat) {
    lines.push('/** Its schedule, for a module of its own: `export default beat(app, entriesOf(app))`. */')
    const entries = [...beat.entries].map(([name, code]) => `  ${memberOf(name, code)},`)
    lines.push('export const entriesOf = (app: App) => ({', ...entries, '})', '')
  }
  return lines.join('\n')
}

function usesCores(value: unknown): boolean {
  if (value instanceof Code) return value.text.includes('availableParallelism')
  return typeof value === 'object' && value !== null && Object.values(value).some(usesCores)
}
