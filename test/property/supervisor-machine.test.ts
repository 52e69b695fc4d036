import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProcessRules } from '../../src/supervisor/configuration.ts'
import { NEVER_STARTED, step, type ProcessEvent, type ProcessStatus } from '../../src/supervisor/machine.ts'
import { Oracle, type Happening } from './supervisor-oracle.ts'

const rulesOf = fc.record<ProcessRules>({
  startsecs: fc.nat(3),
  startretries: fc.nat(3),
  autorestart: fc.constantFrom(true, false, 'unexpected' as const),
  exitcodes: fc.subarray([0, 1, 2]),
  stopsignal: fc.constantFrom(15, 2),
  stopwaitsecs: fc.integer({ min: 1, max: 4 }),
  stopasgroup: fc.boolean(),
  killasgroup: fc.boolean(),
})

/** What the world does: time passes, people ask, processes end and cannot be started. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 2_500 }) }) },
  { weight: 2, arbitrary: fc.constant({ type: 'start' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'stop' as const }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('exit' as const), code: fc.constantFrom(0, 1, 2, 3, null) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('works' as const), works: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ type: 'giveUp' as const }) },
)

/** Runs the machine as its owner does: spawns what it wants, comes when it is due. */
class Driver {
  status: ProcessStatus = NEVER_STARTED
  readonly seen: string[] = []
  nowMs = 0
  #pids = 0
  #works = true
  readonly #rules: ProcessRules

  constructor(rules: ProcessRules) {
    this.#rules = rules
  }

  take(happened: Happening): void {
    if (happened.type === 'pass') this.#pass(happened.ms)
    else if (happened.type === 'works') this.#works = happened.works
    else if (happened.type !== 'exit') this.#apply(happened)
    else if (this.status.pid !== 0) this.#apply({ type: 'exited', code: happened.code })
  }

  #pass(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.status.dueMs !== undefined && this.status.dueMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.status.dueMs)
      this.#apply({ type: 'due' })
    }
    this.nowMs = endMs
  }

  #apply(event: ProcessEvent): void {
    const moment = { monotonicMs: this.nowMs, epochMs: 1_000_000 + this.nowMs }
    const { status, actions, changes } = step(this.status, event, this.#rules, moment)
    for (const { from, to, expected } of changes) {
      expect(from).toBe(this.#last)
      this.#last = to
      this.seen.push(to === 'EXITED' ? `EXITED ${expected}` : to)
    }
    this.status = status
    for (const action of actions) {
      if (action.type === 'signal') this.seen.push(`kill ${action.signal}${action.group ? ' group' : ''}`)
      else if (this.#works) this.#apply({ type: 'spawned', pid: ++this.#pids })
      else this.#apply({ type: 'spawnFailed', reason: "can't find command" })
    }
  }
  #last = 'STOPPED'
}

describe('the life of a process', () => {
  test('is that which the documentation of supervisord tells, whatever happens', () => {
    fc.assert(
      fc.property(rulesOf, fc.array(happening, { maxLength: 60 }), (rules, happenings) => {
        const driver = new Driver(rules)
        const oracle = new Oracle(rules)
        for (const happened of happenings) {
          driver.take(happened)
          oracle.take(happened)
          expect(driver.seen).toEqual(oracle.seen)
          expect(driver.status.pid !== 0).toBe(oracle.alive)
          expect(driver.status.exitStatus).toBe(oracle.exitStatus)
        }
      }),
      { numRuns: 700, seed: 9 },
    )
  })

  test('has a process in the states that have one, waits in those that wait, and in no other', () => {
    fc.assert(
      fc.property(rulesOf, fc.array(happening, { maxLength: 60 }), (rules, happenings) => {
        const driver = new Driver(rules)
        for (const happened of happenings) {
          driver.take(happened)
          const { state, pid, dueMs } = driver.status
          expect(pid > 0, state).toBe(['STARTING', 'RUNNING', 'STOPPING'].includes(state))
          if (['STARTING', 'BACKOFF', 'STOPPING'].includes(state)) expect(dueMs).toBeGreaterThan(driver.nowMs)
          else if (state !== 'EXITED') expect(dueMs).toBeUndefined()
        }
      }),
      { numRuns: 300, seed: 9 },
    )
  })
})

describe('a process that is on its way', () => {
  const rules: ProcessRules = {
    ...{ startsecs: 1, startretries: 3, autorestart: 'unexpected', exitcodes: [0], stopsignal: 15, stopwaitsecs: 10 },
    ...{ stopasgroup: false, killasgroup: true },
  }
  const at = (monotonicMs: number) => ({ monotonicMs, epochMs: monotonicMs })
  const play = (...events: ProcessEvent[]): ProcessStatus =>
    events.reduce((status, event) => step(status, event, rules, at(0)).status, NEVER_STARTED)

  test('is signalled as soon as it is there when it was told to stop before', () => {
    const asked = play({ type: 'start' }, { type: 'stop' })
    expect(asked).toMatchObject({ state: 'STOPPING', pid: 0 })
    expect(step(asked, { type: 'spawned', pid: 7 }, rules, at(1)).actions).toEqual([
      { type: 'signal', signal: 15, group: false },
    ])
    expect(step(asked, { type: 'spawnFailed', reason: 'no' }, rules, at(1)).status.state).toBe('STOPPED')
  })

  test('is UNKNOWN when it cannot be signalled, until it ends', () => {
    const unknown = play({ type: 'start' }, { type: 'spawned', pid: 7 }, { type: 'stop' }, { type: 'signalFailed' })
    expect(unknown.state).toBe('UNKNOWN')
    expect(step(unknown, { type: 'start' }, rules, at(1)).actions).toEqual([])
    expect(step(unknown, { type: 'exited', code: 0 }, rules, at(1)).status).toMatchObject({ state: 'STOPPED', pid: 0 })
  })
})
