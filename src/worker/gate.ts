import type { Outcome } from '../protocol/outcome.ts'
import type { Work } from './work.ts'

/** What a gate says of a task: on with it; it waits at the gate, which enters it again later; or this is its end. */
export type Verdict = 'pass' | 'wait' | Outcome

/**
 * What a task passes between intake and its start. Gates are asked in order, and anew whenever its turn comes: one that
 * has let it pass may be asked again. Must cost next to nothing where it has nothing to say.
 */
export interface Gate {
  /**
   * Asked when a task comes and when its time has come too, so that its end need not wait for a free slot. Such a gate
   * never says `wait`, and has no other member to be called.
   */
  readonly isDoor: boolean
  /** Tasks that wait here; of a door, none. */
  readonly waiting: number
  ask(work: Work): Verdict
  /** A task has left the worker. */
  left?(work: Work): void
  /** Lets go of all that wait here: the worker ends. */
  release?(): Work[]
}

/** All gates, in order. */
export class Gates {
  readonly #gates: readonly Gate[]
  readonly #doors: readonly Gate[]
  /** Those where tasks wait: the others are not asked who does, for each task. */
  readonly #keepers: readonly Gate[]
  readonly #end: (work: Work, outcome: Outcome) => void

  /** @param end settles a task with its end */
  constructor(gates: readonly Gate[], end: (work: Work, outcome: Outcome) => void) {
    this.#gates = gates
    this.#doors = gates.filter(({ isDoor }) => isDoor)
    this.#keepers = gates.filter(({ isDoor }) => !isDoor)
    this.#end = end
  }

  get waiting(): number {
    let sum = 0
    for (const gate of this.#keepers) sum += gate.waiting
    return sum
  }

  /** Whether a task that has come, or whose time has come, may wait for a slot. Where not, it has been ended. */
  admits(work: Work): boolean {
    return this.#passes(work, this.#doors)
  }

  /** Whether a task may start now. Where not, it waits at a gate or has been ended. */
  opens(work: Work): boolean {
    return this.#passes(work, this.#gates)
  }

  left(work: Work): void {
    for (const gate of this.#keepers) gate.left?.(work)
  }

  release(): Work[] {
    return this.#keepers.flatMap((gate) => gate.release?.() ?? [])
  }

  #passes(work: Work, gates: readonly Gate[]): boolean {
    for (const gate of gates) {
      const verdict = gate.ask(work)
      if (verdict === 'pass') continue
      if (verdict !== 'wait') this.#end(work, verdict)
      return false
    }
    return true
  }
}
