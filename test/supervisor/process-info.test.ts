import { describe, expect, test } from 'vitest'
import { FAULTS, faultError, faultOf } from '../../src/supervisor/faults.ts'
import { NEVER_STARTED, type ProcessStatus } from '../../src/supervisor/machine.ts'
import { processInfo, uptime } from '../../src/supervisor/process-info.ts'
import { isRunning, isSignallable, isStopped, PROCESS_STATES, SUPERVISOR_STATES } from '../../src/supervisor/states.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const names = { name: 'cat', group: 'pets', stdoutLogfile: '/a', stderrLogfile: '' }
const clock = new VirtualClock({ startMs: 1_795_226_394_900 })
const of = (status: Partial<ProcessStatus>) => processInfo(names, { ...NEVER_STARTED, ...status }, clock)

describe('what is told of a process', () => {
  test('has every field of supervisord', () => {
    const running = of({ state: 'RUNNING', pid: 11157, startedAtMs: 1_795_226_390_100 })
    expect(running).toEqual({
      ...{ name: 'cat', group: 'pets', start: 1795226390, stop: 0, now: 1795226394, state: 20, statename: 'RUNNING' },
      ...{ spawnerr: '', exitstatus: 0, logfile: '/a', stdout_logfile: '/a', stderr_logfile: '', pid: 11157 },
      description: 'pid 11157, uptime 0:00:04',
    })
  })

  test('says why it does not run', () => {
    expect(of({ state: 'FATAL', spawnError: "can't find command 'x'" }).description).toBe("can't find command 'x'")
    expect(of({ state: 'BACKOFF' }).description).toBe('unknown error (try "tail cat")')
    expect(of({}).description).toBe('Not started')
    expect(of({ state: 'STOPPING' }).description).toBe('')
  })

  test('says when it ended, in local time', () => {
    const at = new Date(2026, 10, 1, 0, 5).getTime()
    expect(of({ state: 'EXITED', startedAtMs: 1, stoppedAtMs: at }).description).toBe('Nov 01 12:05 AM')
    const noon = new Date(2026, 10, 21, 13, 59).getTime()
    expect(of({ state: 'STOPPED', startedAtMs: 1, stoppedAtMs: noon }).description).toBe('Nov 21 01:59 PM')
  })

  test.each([
    [0, '0:00:00'],
    [3_599, '0:59:59'],
    [86_400, '1 day, 0:00:00'],
    [2 * 86_400 + 36_001, '2 days, 10:00:01'],
    [-5, '0:00:00'],
  ])('an uptime of %i s is written %s', (given, text) => expect(uptime(given)).toBe(text))

  test('does not leave the integers of XML-RPC', () => {
    expect(of({ startedAtMs: 2 ** 33 * 1000 }).start).toBe(2 ** 31 - 1)
  })
})

test('states have the numbers of supervisord, and belong together as there', () => {
  expect(Object.values(PROCESS_STATES)).toEqual([0, 10, 20, 30, 40, 100, 200, 1000])
  expect(SUPERVISOR_STATES).toEqual({ FATAL: 2, RUNNING: 1, RESTARTING: 0, SHUTDOWN: -1 })
  const which = (is: (state: keyof typeof PROCESS_STATES) => boolean): string =>
    (Object.keys(PROCESS_STATES) as (keyof typeof PROCESS_STATES)[]).filter(is).join(' ')
  expect(which(isStopped)).toBe('STOPPED EXITED FATAL UNKNOWN')
  expect(which(isRunning)).toBe('STARTING RUNNING BACKOFF')
  expect(which(isSignallable)).toBe('STARTING RUNNING STOPPING')
})

test('a fault has the number and the text of supervisord', () => {
  expect(Object.values(FAULTS).map(({ code }) => code)).toEqual([
    1, 2, 3, 4, 6, 10, 11, 20, 21, 30, 40, 50, 60, 70, 80, 90, 91, 92,
  ])
  expect(faultOf(faultError('BAD_NAME', 'nosuch'))).toEqual({ code: 10, name: 'BAD_NAME', text: 'BAD_NAME: nosuch' })
  expect(faultOf(faultError('NO_FILE'))).toMatchObject({ text: 'NO_FILE' })
  expect(faultOf(new Error('BAD_NAME'))).toBeUndefined()
})
