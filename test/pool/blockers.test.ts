import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { openPool } from '../../src/pool/open.ts'
import { failureIn, PoolScene } from '../../src/testing/pool/scene.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { app, BLOCKERS } from './blockers.ts'

const folder = temporaryFolder()
const FILE = fileURLToPath(new URL('./blockers.ts', import.meta.url))

/** Where a blocker is while it blocks: in a line of its own, or, when it is stopped there, in what looks for its end. */
function placeIn(task: string): RegExp {
  const lines = readFileSync(FILE, 'utf8').split('\n')
  const from = lines.findIndex((line) => line.startsWith(`app.task('${task}'`))
  const length = lines.slice(from).indexOf('})')
  const looks = lines.findIndex((line) => line.includes('// the look'))
  const numbers = [looks, ...Array.from({ length }, (_, at) => from + at)].map((at) => at + 1)
  return new RegExp(`${FILE.replaceAll('.', '\\.')}:(${numbers.join('|')}):`)
}

// Every child translates the sources for itself.

/** Whether a value is that, or what an asymmetric matcher of vitest asks for. */
function equals(value: unknown, wanted: unknown): boolean {
  const { asymmetricMatch } = Object(wanted) as { asymmetricMatch?: (value: unknown) => boolean }
  return asymmetricMatch ? asymmetricMatch.call(wanted, value) : value === wanted
}

const records: LogRecord[] = []
const heard = new Set<() => void>()

/** Resolves when the log has such a record. */
function logged(message: string, fields: Record<string, unknown>): Promise<LogRecord> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      heard.delete(look)
      const seen = records.filter((record) => record.fields['id'] === fields['id'])
      reject(new Error(`not in the log: ${message}; of this task there is ${JSON.stringify(seen)}`))
    }, 55_000)
    const look = (): void => {
      const found = records.find(
        (record) =>
          record.message === message &&
          Object.entries(fields).every(([name, value]) => equals(record.fields[name], value)),
      )
      if (!found) return
      heard.delete(look)
      clearTimeout(timer)
      resolve(found)
    }
    heard.add(look)
    look()
  })
}

describe.for(['threads', 'processes'] as const)('in %s, a task that keeps its thread for itself', (kind) => {
  const scene = new PoolScene(
    openPool(kind, {
      app,
      hostname: 'lovage@test',
      size: 4,
      clock: systemClock,
      accept: ['application/json'],
      types: 'typed',
      stallMs: 300,
      modules: [FILE],
    }),
  )
  let unlisten = (): void => {}
  beforeAll(async () => {
    unlisten = onLog((record) => {
      records.push(record)
      for (const look of heard) look()
    })
    await scene.pool.start()
  })
  afterAll(async () => {
    await scene.pool.stop()
    unlisten()
    records.length = 0
  })

  test('is named while it blocks, and what it returns counts', async () => {
    // All at once, each in a child of its own, and until it has been named: that takes no longer than it must.
    const blocked = BLOCKERS.map(async (task) => {
      const door = join(folder, `${kind}-${task}`)
      const { outcome, job } = scene.start(task, [60_000, door])
      const { id } = job.request
      const place = expect.stringMatching(placeIn(task)) as string
      const { fields } = await logged('task blocks the event loop', { id })
      expect(fields).toMatchObject({ task, kind })
      // Native code cannot be stopped: its line is known when it returns.
      if (task !== 'calls') await logged('task blocks the event loop', { id, at: place })
      writeFileSync(door, '')
      expect((await logged('task blocked the event loop', { id })).fields).toMatchObject({ task, at: place })
      expect(await outcome).toMatchObject({ state: 'SUCCESS', result: { text: '"over"' } })
    })
    await Promise.all(blocked)
  })

  test('is ended at its hard limit though it blocks for ever, and another takes its place', async () => {
    const ended = BLOCKERS.map(async (task) => {
      const end = await scene.run(task, [0], { timelimit: [0.5, null] })
      expect(end.state).toBe('FAILURE')
      expect(failureIn(end).exc_type).toBe('TimeLimitExceeded')
    })
    await Promise.all(ended)
    const rest = await Promise.all(Array.from({ length: 4 }, (_, x) => scene.run('adds', [x, 1])))
    expect(rest.map(({ result }) => 'text' in result && result.text)).toEqual(['1', '2', '3', '4'])
    // A thread cannot be ended inside of native code: it is left alone there, and counted.
    await expect.poll(() => scene.pool.abandoned, { timeout: 60_000 }).toBe(kind === 'threads' ? 1 : 0)
  })

  test('shows in the figures of the pool', async () => {
    const look = async (): Promise<number | undefined> => {
      // Processes tell with what they tell of their tasks.
      await scene.run('adds', [1, 1])
      return scene.pool.lag?.maxMs
    }
    await expect.poll(look, { timeout: 60_000, interval: 200 }).toBeGreaterThanOrEqual(0)
  })
})
