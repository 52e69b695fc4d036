import type { Outcome } from '../protocol/outcome.ts'
import type { ResultTree } from '../protocol/result-tree.ts'

/** One task of a chord's header that has ended. */
export type ChordPart = Pick<Outcome, 'id' | 'state' | 'result'>

/** How far a chord is. */
export interface ChordCount {
  /** Header tasks that have ended. */
  readonly parts: number
  /** How many there are; undefined as long as the sender has not said so. */
  readonly size: number | undefined
  /** All have ended. It is told to whoever asks, and so again to who repeats the last part: the body is then to be sent. */
  readonly isComplete: boolean
}

/**
 * What a result backend keeps of groups and chords, in Celery's own form, so that workers of both kinds can have parts in
 * one chord. Everything may be asked for again: it comes to the same.
 */
export interface ResultGroups {
  /** Keeps which results a group is made of. */
  saveGroup(group: ResultTree): Promise<void>
  /** Undefined: it was not saved, or has expired. */
  restoreGroup(id: string): Promise<ResultTree | undefined>
  deleteGroup(id: string): Promise<void>
  /** Says how many tasks the header of a chord has. */
  setChordSize(groupId: string, size: number): Promise<ChordCount>
  /** One task more: it was added to the header while that ran. */
  addToChord(groupId: string, taskId: string): Promise<ChordCount>
  /**
   * Counts a header task that has ended, and keeps what came of it, in one step. Of one task only the first end counts.
   * `index` is its place in the group; undefined: behind all others.
   * @throws LovageError `ENCODE_FAILED`
   */
  addPart(groupId: string, part: ChordPart, index: number | undefined): Promise<ChordCount>
  /** What came of the header tasks that have ended, in their order. @throws LovageError `BODY_UNDECODABLE` */
  chordParts(groupId: string): Promise<ChordPart[]>
  /** Forgets the parts: the body was sent. */
  endChord(groupId: string): Promise<void>
  /** Which message of a task is the one to run, where that is kept here. */
  readonly marks?: Marks
}

/** Remembers which of several messages of a task is the one to run. `token` tells deliveries of one message apart. */
export interface Marks {
  /** Whether it is the message with this mark: the first that was asked for, or that is asked for again. */
  claim(taskId: string, mark: string, token: string): Promise<boolean>
  /** Forgets the message, if it was asked for with this token alone. */
  release(taskId: string, mark: string, token: string): Promise<unknown>
}
