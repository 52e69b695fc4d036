import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Capture } from '../../src/supervisor/capture.ts'
import type { GroupConfig } from '../../src/supervisor/configuration.ts'
import { Events } from '../../src/supervisor/events.ts'
import { Ticks } from '../../src/supervisor/ticks.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { stripAnsi } from '../../src/supervisor/strip-ansi.ts'
import { supervise, type Supervised } from './supervised.ts'

/** A listener that writes each event that it is given to a file, and answers as `answer` says. */
const LISTENER = `
import sys
sys.stdin = sys.stdin.buffer
log = open(sys.argv[1], 'a', encoding='utf8')
answers = sys.argv[2].split(',')
turn = 0
while True:
    sys.stdout.write('READY\\n'); sys.stdout.flush()
    head = dict(pair.split(':', 1) for pair in sys.stdin.readline().decode().split())
    payload = sys.stdin.read(int(head['len'])).decode()
    answer = answers[min(turn, len(answers) - 1)]
    log.write(head['eventname'] + '|' + head['serial'] + '|' + head['poolserial'] + '|' + payload.replace(chr(10), '/') + '\\n'); log.flush()
    turn += 1
    if answer == 'die': sys.exit(1)
    if answer == 'babble': answer = None; sys.stdout.write('what?\\n')
    else: sys.stdout.write('RESULT %d\\n%s' % (len(answer), answer))
    sys.stdout.flush()
    if answer is None: sys.stdin.read()
`

const listener = (events: string, answers = 'OK', more = ''): string =>
  `[eventlistener:ear]\ncommand=/usr/bin/python3 -u %(here)s/listener.py %(here)s/heard ${answers}\nevents=${events}\nstartsecs=0\nautorestart=true\n${more}\n`

/** Starts the listener alone, waits until it is ready, and adds nothing else. */
async function withListener(text: string): Promise<Supervised & { heard: () => string[] }> {
  const supervised = await supervise(`[program:ear]\ncommand=cat\nautostart=false\n`, 'loglevel=debug')
  const { folder, operator, write, lines } = supervised
  writeFileSync(join(folder, 'listener.py'), LISTENER)
  writeFileSync(join(folder, 'heard'), '')
  write(text)
  await operator.removeProcessGroup('ear')
  await operator.reloadConfig()
  await operator.addProcessGroup('ear')
  await expect.poll(() => lines.join(''), { timeout: 60_000 }).toContain('ear: ACKNOWLEDGED -> READY')
  return { ...supervised, heard: () => readFileSync(join(folder, 'heard'), 'utf8').split('\n').slice(0, -1) }
}

const patience = { timeout: 60_000 }

describe('an event listener', () => {
  test('is given each event that it has asked for, with its payload, one after the other', async () => {
    const cat = '[program:cat]\ncommand=cat\nstartsecs=0\n'
    const { operator, heard } = await withListener(
      listener('PROCESS_STATE,REMOTE_COMMUNICATION,PROCESS_GROUP', 'OK', 'buffer_size=50') + cat,
    )
    await expect.poll(() => heard().length, patience).toBeGreaterThanOrEqual(3)
    const before = heard().length
    operator.sendRemoteCommEvent('greeting', 'grüße')
    await operator.addProcessGroup('cat')
    const { pid } = operator.getProcessInfo('cat')
    await operator.stopProcess('cat')
    await expect.poll(() => heard().length, patience).toBeGreaterThanOrEqual(before + 6)
    const about = 'processname:cat groupname:cat'
    expect(
      heard()
        .slice(before)
        .map((line) => line.replace(/\|.*\|/, ' ')),
    ).toEqual([
      'REMOTE_COMMUNICATION type:greeting/grüße',
      'PROCESS_GROUP_ADDED groupname:cat/',
      `PROCESS_STATE_STARTING ${about} from_state:STOPPED tries:0`,
      `PROCESS_STATE_RUNNING ${about} from_state:STARTING pid:${pid}`,
      `PROCESS_STATE_STOPPING ${about} from_state:RUNNING pid:${pid}`,
      `PROCESS_STATE_STOPPED ${about} from_state:STOPPING pid:${pid}`,
    ])
    const serials = heard().map((line) => Number(line.split('|')[2]))
    expect(serials).toEqual(serials.toSorted((a, b) => a - b))
  })

  test('is given an event again that it has rejected, or died of', async () => {
    const { operator, heard, lines } = await withListener(listener('REMOTE_COMMUNICATION', 'FAIL,die,OK'))
    operator.sendRemoteCommEvent('a', '1')
    await expect.poll(() => heard().length, patience).toBeGreaterThanOrEqual(2)
    expect(lines.join('')).toContain('ear: event was rejected')
    expect(new Set(heard().map((line) => line.split('|')[1])).size).toBe(1)
  })

  test('that does not keep to the protocol is given no more events', async () => {
    const { operator, heard, lines } = await withListener(listener('REMOTE_COMMUNICATION', 'babble'))
    operator.sendRemoteCommEvent('a', '1')
    await expect.poll(() => lines.join(''), patience).toContain('ear: has entered the UNKNOWN state')
    operator.sendRemoteCommEvent('a', '2')
    expect(heard()).toHaveLength(1)
  })

  test('is told what a program writes between the tags, and what goes into its log', async () => {
    const script = `sh -c 'printf "a<!--XSUPERVISOR:BEGIN-->message<!--XSUPERVISOR:END-->b"; sleep 1000'`
    const { operator, heard } = await withListener(
      `${listener('PROCESS_COMMUNICATION,PROCESS_LOG')}[program:talks]\ncommand=${script}\nstdout_capture_maxbytes=1KB\nstdout_events_enabled=true\nstartsecs=0\n`,
    )
    await operator.addProcessGroup('talks')
    const { pid } = operator.getProcessInfo('talks')
    await expect.poll(() => heard().length, patience).toBe(2)
    const about = `processname:talks groupname:talks pid:${pid}`
    expect(heard().map((line) => line.replace(/\|.*\|/, ' '))).toEqual([
      `PROCESS_COMMUNICATION_STDOUT ${about}/message`,
      `PROCESS_LOG_STDOUT ${about} channel:stdout/ab`,
    ])
    expect(await operator.readProcessLog('talks', 'stdout', 0, 0)).toBe('ab')
  })

  test('drops the oldest events when more wait than it may keep', async () => {
    const { operator, lines, supervisor } = await withListener(listener('REMOTE_COMMUNICATION', 'OK', 'buffer_size=2'))
    await operator.stopProcess('ear')
    for (let i = 0; i < 4; i++) operator.sendRemoteCommEvent('a', String(i))
    expect(lines.join('').match(/pool ear event buffer overflowed, discarding event/g)).toHaveLength(2)
    expect(supervisor.state).toBe('RUNNING')
  })
})

test('messages between the tags are taken out of a stream wherever it is cut', () => {
  const part = fc.constantFrom(
    '<!--XSUPERVISOR:BEGIN-->',
    '<!--XSUPERVISOR:END-->',
    'abc',
    '<',
    '<!--XSUPERVISOR:',
    '\n',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 30 })), (parts, cuts) => {
      const whole = parts.join('')
      const take = (chunks: readonly string[]): [string, string[]] => {
        const messages: string[] = []
        const capture = new Capture(1_000, (bytes) => messages.push(bytes.toString()))
        const logged = chunks.map((chunk) => capture.take(Buffer.from(chunk)).toString()).join('')
        return [logged + capture.end().toString(), messages]
      }
      const chunks: string[] = []
      let at = 0
      for (const cut of cuts) chunks.push(whole.slice(at, (at += cut)))
      expect(take([...chunks, whole.slice(at)])).toEqual(take([whole]))
      const [, messages] = take([whole])
      const expected = [...whole.matchAll(/<!--XSUPERVISOR:BEGIN-->(.*?)<!--XSUPERVISOR:END-->/gs)].map(
        ([, text]) => text,
      )
      expect(messages).toEqual(expected)
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('of a message that is too long the end is kept', () => {
  const messages: string[] = []
  const capture = new Capture(4, (bytes) => messages.push(bytes.toString()))
  capture.take(Buffer.from('<!--XSUPERVISOR:BEGIN-->123456789<!--XSUPERVISOR:END-->'))
  expect(messages).toEqual(['6789'])
})

test('a message that comes byte by byte is kept as it is, and its end alone where it is too long', () => {
  const messages: string[] = []
  const capture = new Capture(5_000, (bytes) => messages.push(bytes.toString('latin1')))
  const text = Buffer.from(Array.from({ length: 300_000 }, (_, i) => 48 + ((i * 7) % 10)))
  for (const length of [0, 1, 4_999, 5_000, 5_001, 12_345, 300_000]) {
    capture.take(Buffer.from('<!--XSUPERVISOR:BEGIN-->'))
    for (let i = 0; i < length; i++) capture.take(text.subarray(i, i + 1))
    capture.take(Buffer.from('<!--XSUPERVISOR:END-->'))
    expect(messages.pop()).toBe(text.subarray(Math.max(0, length - 5_000), length).toString('latin1'))
  }
})

test('each 5 seconds, minute and hour of the calendar are told once, also after a clock that has jumped', async () => {
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1, 11, 58, 58, 300) })
  const told: string[] = []
  const events = new Events()
  const config = { events: ['TICK'] } as unknown as GroupConfig
  events.add({ config, accept: ({ name, payload }) => void told.push(`${name} ${payload.toString()}`) })
  const ticks = new Ticks(clock, events)
  ticks.start()
  clock.advance(1_699)
  expect(told).toEqual([])
  const at = (hours: number, minutes: number, seconds = 0): string =>
    `when:${Date.UTC(2026, 0, 1, hours, minutes, seconds) / 1_000}`
  clock.advance(1)
  expect(told.splice(0)).toEqual([`TICK_5 ${at(11, 59)}`, `TICK_60 ${at(11, 59)}`])
  clock.advance(55_000)
  expect(told.splice(0)).toEqual(Array.from({ length: 11 }, (_, i) => `TICK_5 ${at(11, 59, 5 * (i + 1))}`))
  clock.advance(5_000)
  expect(told.splice(0)).toEqual([`TICK_5 ${at(12, 0)}`, `TICK_60 ${at(12, 0)}`, `TICK_3600 ${at(12, 0)}`])
  clock.advance(3_600_000)
  const hour = told.splice(0)
  const count = (name: string): number => hour.filter((each) => each.startsWith(`${name} `)).length
  expect([count('TICK_5'), count('TICK_60'), count('TICK_3600')]).toEqual([720, 60, 1])
  ticks.stop()
  clock.advance(60_000)
  expect(told).toEqual([])
})

test('colours are taken out', () => {
  expect(stripAnsi(Buffer.from('\u001b[1;31mred\u001b[0m plain')).toString()).toBe('red plain')
  expect(stripAnsi(Buffer.from('plain')).toString()).toBe('plain')
})
