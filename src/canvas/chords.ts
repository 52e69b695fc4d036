import type { ChordPart, ResultGroups } from '../backend/groups.ts'
import type { PublishTogether } from '../broker/broker.ts'
import type { ResultTree } from '../protocol/result-tree.ts'

/**
 * What is done with the parts of a chord, all of them.
 * @param tree What the group is made of, where Python has kept that.
 * @param together Publishes what follows in one step with the end of the chord, where that can be.
 */
export type Gathered = (
  parts: readonly ChordPart[],
  tree: ResultTree | undefined,
  together?: PublishTogether,
) => Promise<void>

/** What is known of a header task that has ended. */
export interface PartKnown {
  /** How many members the sender has counted, where the signature of the chord says so. */
  readonly size?: number | undefined
  /** It may have ended before, and who was to see to the chord then may have died over that. */
  readonly isAgain?: boolean
}

/** Where the members of chords are counted. Everything may be asked for again: it comes to the same. */
export interface Chords {
  /** Says how many tasks the header of a chord has; to be said before the first of them is sent. */
  open(groupId: string, size: number): Promise<void>
  /** One task more: it was added to the header while that ran. To be said before the task that added it has ended. */
  addMember(groupId: string, taskId: string): Promise<void>
  /**
   * Counts a header task that has ended, and keeps what came of it. Of one task only the first end counts. Where all may be
   * in it gives how many that is, for {@link gather}: to be asked for before the task is let go of.
   * @throws LovageError `ENCODE_FAILED`
   */
  addPart(groupId: string, part: ChordPart, index: number | undefined, known: PartKnown): Promise<number | undefined>
  /**
   * Gives `act` all parts, in their order, if all are in and nobody has ended the chord, and ends it when that is done.
   * When this process dies in between, the chord is still there for who asks next.
   */
  gather(groupId: string, size: number, act: Gathered): Promise<void>
}

/** Chords that are counted with the results, or in a store. */
export function keptChords(groups: ResultGroups): Chords {
  return {
    async open(groupId, size) {
      await groups.setChordSize(groupId, size)
    },
    async addMember(groupId, taskId) {
      await groups.addToChord(groupId, taskId)
    },
    async addPart(groupId, part, index) {
      const { isComplete, size = 0 } = await groups.addPart(groupId, part, index)
      return isComplete ? size : undefined
    },
    async gather(groupId, size, act) {
      const parts = await groups.chordParts(groupId)
      // Somebody else has seen it complete too, and has ended it meanwhile.
      if (parts.length === 0 || parts.length < size) return
      await act(parts, await groups.restoreGroup(groupId))
      await groups.endChord(groupId)
    },
  }
}
