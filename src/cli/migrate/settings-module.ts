import { Code, typescriptOf } from './typescript.ts'

/** A TypeScript module that exports the settings. `from` is the name of the file that they come from. */
export function settingsModule(settings: Record<string, unknown>, from: string): string {
  const object = typescriptOf(settings)
  // A name of a file may have line ends, and what is behind one would be code.
  const file = from.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ')
  const lines = [`// Settings of ${file}, by \`lovage migrate\`.`]
  if (usesCores(settings)) lines.push("import { availableParallelism } from 'node:os'")
  lines.push("import type { GivenSettings } from 'lovage'", '', `export const settings: GivenSettings = ${object}`, '')
  return lines.join('\n')
}

function usesCores(value: unknown): boolean {
  if (value instanceof Code) return value.text.includes('availableParallelism')
  return typeof value === 'object' && value !== null && Object.values(value).some(usesCores)
}
