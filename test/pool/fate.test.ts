import { describe, expect, test } from 'vitest'
import {
  type ChildDeath,
  describeDeath,
  describeMemory,
  stackOfDeath,
  type Suspect,
} from '../../src/pool/child-death.ts'
import { fateOf } from '../../src/pool/fate.ts'
import type { Failure } from '../../src/protocol/failure.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { newRequest } from '../../src/protocol/task-message.ts'

const MIB = 2 ** 20

const death: ChildDeath = {
  kind: 'processes',
  number: 3,
  id: 4711,
  exitCode: null,
  signal: 'SIGKILL',
  cause: 'lost',
  fault: undefined,
  memory: [{ bytes: 300 * MIB, heapBytes: 120 * MIB, atMs: 9_500 }],
  stderrTail: '',
  atMs: 10_000,
  isQuarantine: false,
  suspects: [],
}

function suspect(rest: Partial<Suspect> = {}, isOnce = false): Suspect {
  const request = newRequest({ id: 'i', task: 't' })
  const job = { request, delivery: { exchange: '', routingKey: 'q', redelivered: false }, hostname: 'h', isOnce }
  return { job, hasStarted: true, ranMs: 10, deaths: 0, decided: undefined, ...rest }
}

describe('a job whose child died', () => {
  test('runs again alone, whether it was in company or not', () => {
    expect(fateOf(suspect(), death)).toEqual({ kind: 'again', alone: true })
  })

  test('is the one that did it when it was in quarantine, and goes to the dead letters', () => {
    const fate = fateOf(suspect({ deaths: 1 }), { ...death, isQuarantine: true })
    const problem =
      'Task t[i] was lost: the process was ended by SIGKILL; 0.5 s before it had 300 MiB resident, 120 MiB of heap'
    expect(fate).toMatchObject({ kind: 'over', outcome: { state: 'FAILURE', dead: { code: 'CHILD_LOST' } } })
    const { outcome } = fate as Extract<typeof fate, { kind: 'over' }>
    const failure = payloadValue(outcome.result) as Failure
    expect(failure.exc_type).toBe('WorkerLostError')
    expect(String(failure.exc_message[0])).toContain(problem)
    expect(outcome.dead?.message).toContain(problem)
  })

  test('that was acknowledged before its start is lost, and not among the dead letters', () => {
    for (const isQuarantine of [false, true]) {
      const fate = fateOf(suspect({}, true), { ...death, isQuarantine })
      expect(fate).toMatchObject({ kind: 'over', outcome: { state: 'FAILURE' } })
      const { outcome } = fate as Extract<typeof fate, { kind: 'over' }>
      expect(outcome.dead).toBeUndefined()
      expect(String((payloadValue(outcome.result) as Failure).exc_message[0])).toContain('acksLate is off')
    }
  })

  test('because of another task in it runs again where others are, and alone only after many times', () => {
    const ended: ChildDeath = { ...death, cause: 'ended' }
    expect(fateOf(suspect(), ended)).toEqual({ kind: 'again', alone: false })
    expect(fateOf(suspect({ deaths: 5 }), ended)).toEqual({ kind: 'again', alone: true })
  })
})

describe('what is said of a death', () => {
  test('has the last words of V8 and Node', () => {
    const stderrTail = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native'
    expect(describeDeath({ ...death, signal: 'SIGABRT', stderrTail })).toBe(
      'the process was ended by SIGABRT: Reached heap limit Allocation failed - JavaScript heap out of memory',
    )
  })

  test('has the stack that abort() leaves', () => {
    const stderrTail = [
      '----- Native stack trace -----',
      '',
      ' 1: 0xd3a3c0  [node]',
      '',
      '----- JavaScript stack trace -----',
      '',
      '1: die (file:///srv/tasks.mjs:1:25)',
      '2: listOnTimeout (node:internal/timers:581:17)',
      '',
    ].join('\n')
    expect(stackOfDeath({ ...death, stderrTail })).toBe(
      '    at die (file:///srv/tasks.mjs:1:25)\n    at listOnTimeout (node:internal/timers:581:17)',
    )
    expect(stackOfDeath(death)).toBeNull()
  })

  test('says nothing of memory that nobody measured, and of a thread its heap alone', () => {
    expect(describeMemory({ ...death, memory: [] })).toBeUndefined()
    expect(describeMemory({ ...death, kind: 'threads' })).toBe('0.5 s before it had 120 MiB of heap')
  })
})
