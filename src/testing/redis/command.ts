import type { Keyspace } from './keyspace.ts'
import type { Reply } from './reply.ts'

/** A command that looks at the keys, or changes them. */
export interface Command {
  /** Arguments, its name not counted: least and most. */
  readonly least: number
  readonly most: number
  readonly writes: boolean
  /** May need more memory: refused where there is none left. */
  readonly grows: boolean
  /** Which of its arguments are keys. */
  readonly keys: (args: readonly string[]) => readonly string[]
  readonly run: (db: Keyspace, args: readonly string[]) => Reply
}

type Run = Command['run']

const first = (args: readonly string[]): readonly string[] => args.slice(0, 1)

export const all = (args: readonly string[]): readonly string[] => args

export function reads(least: number, most: number, run: Run, keys: Command['keys'] = first): Command {
  return { least, most, run, keys, writes: false, grows: false }
}

/** Changes, and needs no memory for it. */
export function frees(least: number, most: number, run: Run, keys: Command['keys'] = first): Command {
  return { least, most, run, keys, writes: true, grows: false }
}

export function grows(least: number, most: number, run: Run, keys: Command['keys'] = first): Command {
  return { least, most, run, keys, writes: true, grows: true }
}
