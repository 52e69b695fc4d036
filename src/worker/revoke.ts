import { TaskAbandoned, TaskRevoked } from '../app/control-flow.ts'
import { log } from '../base/log.ts'
import { taskRevokedError } from '../protocol/failure.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Gate, Verdict } from './gate.ts'
import type { InHand } from './in-hand.ts'
import type { Lanes } from './lanes.ts'
import type { Revoked } from './revoked.ts'
import { bearsOneOf, type RevokedStamps, type Stamps } from './revoked-stamps.ts'
import type { Work } from './work.ts'

/** How `worker.revoke` treats what runs. */
export interface RevokeOptions {
  /** End what runs too; else it runs to its end. Default false. */
  readonly terminate?: boolean
  /** Nobody waits for them any more: what runs and is marked `abandonable` is told to stop. Default false. */
  readonly abandon?: boolean
  /** How long it is remembered, epoch ms, of those that are not here. Default: three hours from now. */
  readonly untilMs?: number | undefined
}

/** What revoking needs. */
export interface RevokingOptions {
  readonly revoked: Revoked
  readonly stamps: RevokedStamps
  readonly inHand: InHand
  readonly lanes: Lanes
  /** Takes a task out of hold, if it is there. */
  readonly unhold: (work: Work) => boolean
  readonly settle: (work: Work, outcome: Outcome) => void
}

/** Ends tasks that are not wanted any more: what comes, what waits, and if asked to, what runs. */
export class Revoking implements Gate {
  readonly isDoor = true
  readonly waiting = 0
  readonly #options: RevokingOptions

  constructor(options: RevokingOptions) {
    this.#options = options
  }

  ask({ request }: Work): Verdict {
    const { revoked, stamps } = this.#options
    return revoked.has(request.id) || stamps.has(request) ? revokedOutcome(request, 'revoked') : 'pass'
  }

  /** Has the given ids end, and remembers them. Returns those that were ended while they ran. */
  revoke(ids: readonly string[], { terminate = false, abandon = false, untilMs }: RevokeOptions): string[] {
    const { revoked, inHand, lanes } = this.#options
    const wanted = new Set(ids)
    const works = [...inHand.works].filter(({ request }) => wanted.has(request.id))
    const expiries = new Map(works.map(({ request, expiresAtMs }) => [request.id, expiresAtMs]))
    for (const id of wanted) revoked.add(id, expiries.get(id) ?? untilMs)
    // A gateway abandons by the thousand.
    const level = abandon ? 'debug' : 'info'
    log(level, 'worker', 'tasks are revoked', {
      ids: [...wanted].slice(0, 100),
      count: wanted.size,
      terminate,
      abandon,
    })
    if (abandon) {
      for (const work of works) {
        if (work.task?.options.abandonable) lanes.abort(work, new TaskAbandoned('abandoned'))
      }
    }
    return works.filter((work) => this.#end(work, terminate)).map(({ request }) => request.id)
  }

  /** Has tasks in hand end that bear one of these stamps. Returns those that were ended while they ran. */
  revokeStamped(stamps: Stamps, { terminate = false }: RevokeOptions): string[] {
    const works = [...this.#options.inHand.works].filter(({ request }) => bearsOneOf(request, stamps))
    log('info', 'worker', 'tasks are revoked by stamps', { headers: [...stamps.keys()].slice(0, 100), terminate })
    return works.filter((work) => this.#end(work, terminate)).map(({ request }) => request.id)
  }

  /** True: it ran, and was ended. */
  #end(work: Work, terminate: boolean): boolean {
    const { lanes, unhold, settle } = this.#options
    const { request, waitsIn } = work
    // About to start, or on its way out: a gate is asked before a start.
    if (work.isSettled || work.isPassedOn) return false
    if (waitsIn) waitsIn.withdraw(work)
    if (waitsIn || unhold(work)) {
      settle(work, revokedOutcome(request, 'revoked'))
      return false
    }
    return terminate && lanes.end(work, revokedOutcome(request, 'terminated'), new TaskRevoked())
  }
}

function revokedOutcome({ id }: TaskRequest, reason: 'revoked' | 'terminated'): Outcome {
  return { id, state: 'REVOKED', result: { value: taskRevokedError(reason) }, traceback: null }
}
