import { LAG_BYTES } from '../base/lag.ts'

/** A run of a task, as a stall names it. */
export interface StalledTask {
  readonly task: string
  readonly id: string
}

/** An event loop that stands still. */
export interface Stall {
  /** How long nothing has happened there. */
  readonly blockedMs: number
  /** It goes on again. */
  readonly isOver: boolean
  /** Who blocks it; undefined where that is not known, or where it is no task. */
  readonly blocker?: StalledTask
  /** Tasks that run there, the newest first, where the blocker is not known: one of them it may be. */
  readonly candidates?: readonly StalledTask[]
  /** `file:line:column` of the innermost line that is not Node's own. */
  readonly at?: string
  /** The innermost frame first. */
  readonly frames?: readonly string[]
}

/** What a stall is called in the log. */
export function stallSentence({ isOver, blocker }: Stall): string {
  const who = blocker ? 'task' : 'something'
  return isOver ? `${who} blocked the event loop` : `${who} blocks the event loop`
}

/** The values that the log has of a stall. */
export function stallFields({ blockedMs, blocker, candidates, at, frames }: Stall): Record<string, unknown> {
  return {
    ...blocker,
    blockedMs: Math.round(blockedMs),
    ...(at !== undefined && { at }),
    ...(candidates && { candidates: candidates.map(({ task, id }) => `${task} ${id}`) }),
    ...(frames && { stack: frames.slice(0, 6) }),
  }
}

const FOR_PARENT = '\u0001lovage stall '

/** A line of a child's stderr: what its watch has seen. */
export function lineForParent(stall: Stall): string {
  return FOR_PARENT + JSON.stringify(stall)
}

/**
 * What {@link lineForParent} says; undefined for any other line. Tasks write to the same stream, what strangers have sent
 * them too: a line that only begins like ours must not bring down who reads it.
 */
export function stallIn(line: string): Stall | undefined {
  if (!line.startsWith(FOR_PARENT)) return undefined
  try {
    const said: unknown = JSON.parse(line.slice(FOR_PARENT.length))
    return isStall(said) ? said : undefined
  } catch {
    return undefined
  }
}

function isStall(said: unknown): said is Stall {
  if (typeof said !== 'object' || said === null) return false
  const { blockedMs, isOver, blocker, candidates, at, frames } = said as Partial<Record<keyof Stall, unknown>>
  if (typeof blockedMs !== 'number' || typeof isOver !== 'boolean') return false
  if (blocker !== undefined && !isTask(blocker)) return false
  if (at !== undefined && typeof at !== 'string') return false
  return isListOf(candidates, isTask) && isListOf(frames, (frame) => typeof frame === 'string')
}

function isTask(said: unknown): boolean {
  if (typeof said !== 'object' || said === null) return false
  const { task, id } = said as Partial<Record<keyof StalledTask, unknown>>
  return typeof task === 'string' && typeof id === 'string'
}

function isListOf(said: unknown, is: (one: unknown) => boolean): boolean {
  return said === undefined || (Array.isArray(said) && said.every(is))
}

/** Most running tasks that are known to a {@link StallMarks}. */
const MARKS = 128

const MARK_BYTES = 256
const TEXT_AT = 8
const HEAD_BYTES = 8
const MARKS_AT = LAG_BYTES + HEAD_BYTES

/** Bytes of what a watched thread shares with who watches it: its beats, and what it runs. */
export const STALL_BYTES = MARKS_AT + MARKS * MARK_BYTES

/**
 * Which tasks run in a thread, in memory that can be read while the thread itself cannot be asked. Marks cost a tenth of a
 * microsecond a task.
 */
export class StallMarks {
  readonly #head: Int32Array
  readonly #bytes: Buffer
  readonly #free = Array.from({ length: MARKS }, (_, index) => MARKS - 1 - index)
  #sequence = 0

  constructor(buffer: SharedArrayBuffer) {
    this.#head = new Int32Array(buffer, LAG_BYTES, HEAD_BYTES / 4)
    this.#bytes = Buffer.from(buffer, MARKS_AT)
  }

  /** A task is about to be called; until {@link called} it has the thread to itself. Returns its mark; -1: none is free. */
  enter(task: string, id: string): number {
    const mark = this.#free.pop() ?? -1
    if (mark < 0) return mark
    const at = mark * MARK_BYTES
    const length = this.#bytes.write(`${task}\n${id}`, at + TEXT_AT, MARK_BYTES - TEXT_AT, 'utf8')
    this.#bytes.writeUInt32LE(length, at)
    this.#bytes.writeUInt32LE((this.#sequence = (this.#sequence + 1) >>> 0), at + 4)
    this.#head[0] = mark + 1
    return mark
  }

  /** Its function has returned, with a promise or a value. */
  called(): void {
    this.#head[0] = 0
  }

  /** The task has ended. */
  leave(mark: number): void {
    if (mark < 0) return
    this.#bytes.writeUInt32LE(0, mark * MARK_BYTES)
    this.#free.push(mark)
  }
}

/** What the marks of a thread that stands still say: who has it to itself, or who may. */
export function readMarks(buffer: SharedArrayBuffer): Pick<Stall, 'blocker' | 'candidates'> {
  const bytes = Buffer.from(buffer, MARKS_AT)
  const entered = new Int32Array(buffer, LAG_BYTES, 1)[0] ?? 0
  const blocker = entered > 0 ? markAt(bytes, entered - 1) : undefined
  if (blocker) return { blocker: blocker.who }
  const marks = Array.from({ length: MARKS }, (_, mark) => markAt(bytes, mark)).filter((mark) => mark !== undefined)
  marks.sort((a, b) => b.sequence - a.sequence)
  return { candidates: marks.slice(0, 10).map(({ who }) => who) }
}

function markAt(bytes: Buffer, mark: number): { who: StalledTask; sequence: number } | undefined {
  const at = mark * MARK_BYTES
  const length = bytes.readUInt32LE(at)
  if (length === 0) return undefined
  const [task = '', id = ''] = bytes.toString('utf8', at + TEXT_AT, at + TEXT_AT + length).split('\n')
  return { who: { task, id }, sequence: bytes.readUInt32LE(at + 4) }
}
