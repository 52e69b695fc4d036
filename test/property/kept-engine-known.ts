/** How far something got on its way to the disk: asked for, written, durable. */
export type Progress = 'asked' | 'written' | 'durable' | undefined

export interface Known {
  readonly text: string
  readonly isKept: boolean
  queue: string
  isConfirmed: boolean
  /** The disk was full, and it was said. */
  isRefused: boolean
  handed: Progress
  /** Acked, purged or deleted with its queue. */
  gone: Progress
  /** Its way to the dead letters: until that is durable it may be in either queue, or in both. */
  rejected: Progress
}

const PROGRESS: Progress[] = [undefined, 'asked', 'written', 'durable']

/** It got as far as what survives. */
export function reaches(progress: Progress, survives: Progress): boolean {
  return PROGRESS.indexOf(progress) >= PROGRESS.indexOf(survives)
}

/** A message in the words of an error. */
export function labelOf({ text, isConfirmed, gone, rejected, handed }: Known): string {
  return `message ${Number.parseInt(text, 10)} ${JSON.stringify({ isConfirmed, gone, rejected, handed })}`
}
