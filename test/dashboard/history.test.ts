import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { batchesOf, encodeBatch, SEGMENT_HEADER } from '../../src/dashboard/history/batches.ts'
import { History } from '../../src/dashboard/history/history.ts'
import { Segments } from '../../src/dashboard/history/segments.ts'
import { KnownTasks } from '../../src/dashboard/tasks/known-tasks.ts'
import type { HeardEvent } from '../../src/fleet/listener.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lovage-history-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const NOW_MS = systemClock.now()

function known(maxTasks = 1_000): KnownTasks {
  const limits = { maxTasks, maxTextBytes: 2 ** 24 }
  return new KnownTasks({ ...limits, clock: systemClock, queueOf: () => undefined, actionsOf: () => [] })
}

function heard(type: string, uuid: string, fields: object = {}): HeardEvent {
  const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, timestamp: NOW_MS / 1000, heardAtMs: NOW_MS }
  return { ...base, type, fields: { uuid, ...fields } }
}

const lived = (uuid: string): HeardEvent[] => [
  heard('task-sent', uuid, { name: 'shop.add', args: '(2, 3)', queue: 'celery' }),
  heard('task-received', uuid, { name: 'shop.add', args: '(2, 3)' }),
  heard('task-started', uuid),
  heard('task-retried', uuid, { exception: "OSError('no')" }),
  heard('task-received', uuid, { retries: 1 }),
  heard('task-started', uuid),
  heard('task-succeeded', uuid, { result: '5', runtime: 0.25 }),
]

const historyOf = (index: KnownTasks): History =>
  new History({ folder, clock: systemClock, index, maxBytes: 2 ** 26, ageMs: 86_400_000 })

test('what was known of tasks is known after a restart, in the same order', async () => {
  const before = known()
  const history = historyOf(before)
  await history.begin()
  for (const id of ['a', 'b', 'c']) before.hear(lived(id))
  before.hear([heard('task-succeeded', 'a', { result: '6' })])
  await history.end()

  const after = known()
  const again = historyOf(after)
  await again.begin()
  expect([...after.rows()]).toEqual([...before.rows()])
  expect(after.detail('b')).toEqual(before.detail('b'))
  expect(after.detail('b')?.events).toHaveLength(7)
  expect(after.series.read('15m', NOW_MS)).toEqual(before.series.read('15m', NOW_MS))
  await again.end()
})

test('what is heard while the history is read stays newer than it, and gets its name from it', async () => {
  const before = known()
  const history = historyOf(before)
  await history.begin()
  before.hear([...lived('old'), ...lived('late').slice(0, 3)])
  await history.end()

  const after = known()
  after.hear([heard('task-succeeded', 'late', { result: '5', runtime: 1 }), ...lived('new')])
  const again = historyOf(after)
  await again.begin()
  expect([...after.rows()].map(({ id, name, state }) => [id, name, state])).toEqual([
    ['new', 'shop.add', 'SUCCESS'],
    ['late', 'shop.add', 'SUCCESS'],
    ['old', 'shop.add', 'SUCCESS'],
  ])
  await again.end()
})

test('of more than fits in the newest are read back', async () => {
  const before = known()
  const history = historyOf(before)
  await history.begin()
  for (let nth = 0; nth < 50; nth++) before.hear(lived(`task-${nth}`))
  await history.end()
  const after = known(10)
  const again = historyOf(after)
  await again.begin()
  expect([...after.rows()].map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, at) => `task-${49 - at}`))
  await again.end()
})

test('wherever a segment is cut or changed, what is before is read, and nothing that was never written', () => {
  const lines = fc.array(fc.array(fc.stringMatching(/^[^\n]{1,20}$/), { minLength: 1, maxLength: 4 }), { maxLength: 6 })
  fc.assert(
    fc.property(lines, fc.nat(), fc.nat(255), fc.boolean(), (batches, where, byte, isCut) => {
      const frames = batches.map(encodeBatch)
      const whole = Buffer.concat([SEGMENT_HEADER, ...frames])
      const at = where % (whole.length + 1)
      const damaged = isCut ? whole.subarray(0, at) : Buffer.from(whole)
      if (!isCut && at < whole.length) damaged[at] = byte
      const read = batchesOf(damaged).map(String)
      const written = batches.map((batch) => batch.join('\n'))
      expect(read).toEqual(written.slice(0, read.length))
      // All that ends before the damage is there.
      let end = SEGMENT_HEADER.length
      const intact = frames.filter((frame) => (end += frame.length) <= at).length
      expect(read.length).toBeGreaterThanOrEqual(at < SEGMENT_HEADER.length ? 0 : intact)
    }),
  )
})

test('the oldest segments go when there is too much of them', async () => {
  const most = 24 * 2 ** 20
  const segments = new Segments(folder, systemClock, { maxBytes: most, ageMs: 86_400_000 })
  const line = 'x'.repeat(2 ** 20)
  for (let nth = 0; nth < 45; nth++) await segments.append([`${nth} ${line}`])
  await segments.close()
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  expect(bytes).toBeLessThanOrEqual(most + 2 ** 20)
  const read: number[] = []
  for await (const each of segments.read()) read.push(Number(each.split(' ')[0]))
  expect(read[0]).toBe(44)
  expect(read).toEqual(read.toSorted((a, b) => b - a))
})

test('a writer that is killed leaves all that it has said was written', async () => {
  const require = createRequire(import.meta.url)
  const child = spawn(
    process.execPath,
    [require.resolve('../../scripts/run-ts.mjs'), require.resolve('./history-process.ts'), folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = -1
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      for (const line of text.split('\n')) if (/^\d+$/.test(line)) said = Number(line)
      if (said >= 200) child.kill('SIGKILL')
    })
    child.on('exit', () => resolve())
  })
  const [name = ''] = readdirSync(folder).toSorted().reverse()
  // And a torn end, as a power cut leaves it.
  appendFileSync(join(folder, name), Buffer.from([200, 0, 0, 0, 1, 2, 3, 4, 5]))
  const read: number[] = []
  const segments = new Segments(folder, systemClock, { maxBytes: 2 ** 30, ageMs: 86_400_000 })
  await segments.append(['after'])
  for await (const line of segments.read()) read.push(line === 'after' ? Infinity : Number(line))
  await segments.close()
  expect(read[0]).toBe(Infinity)
  expect(read[1]).toBeGreaterThanOrEqual(said)
  expect(read.slice(1)).toEqual(Array.from({ length: (read[1] ?? 0) + 1 }, (_, at) => (read[1] ?? 0) - at))
})
