import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { type App, chain, chord, group, lovage } from '../../src/index.ts'
import { type DeadLetter, listDead } from '../../src/broker/dead-letters.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import type { Meeting } from './both-ways.ts'
import { PATIENT } from '../services/patience.ts'

const files = { 'canvas.py': readFileSync(new URL('celery-canvas.py', import.meta.url), 'utf8') }
const patience = { timeout: '60s' } as const
const folder = temporaryFolder()

let redis: RedisNode | undefined
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

/** The same tasks as in Python. */
function define(app: App) {
  return {
    add: app.task('both.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y),
    sum: app.task('both.sum', (values: readonly number[]) => values.reduce((a, b) => a + b, 0)),
    flat: app.task('both.flat', (values: readonly unknown[]) => values.flat()),
    fail: app.task('both.fail', (...given: unknown[]): number => {
      throw new TypeError(given.length > 100 ? '' : 'boom')
    }),
    echo: app.task('both.echo', (value: unknown) => value),
    where: app.task('both.where', (...given: unknown[]) => (given.length > 100 ? '' : 'lovage')),
  }
}

function canvases(name: string, needs: readonly Need[], meet: () => Promise<Meeting>, hasChords: boolean): void {
  describeWith([...needs, 'celery'], name, () => {
    const ends: (() => Promise<unknown>)[] = []
    let meeting: Meeting
    beforeAll(async () => void (meeting = await meet()))
    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })

    const python = (args: readonly string[], queue: string, more: Record<string, string> = {}): Child => {
      const env = { BROKER: meeting.broker, BACKEND: meeting.backend, QUEUE: queue, ...more }
      const child = startPython(args, { files, env })
      ends.push(() => child.kill())
      return child
    }
    const theirWorker = async (more: Record<string, string> = {}): Promise<void> => {
      const child = python(
        ['-m', 'celery', '-A', 'canvas', 'worker', '-c', '2', '-P', 'threads', '-Q', 'theirs', '-l', 'INFO'],
        'theirs',
        more,
      )
      await child.line(/ ready\./, { timeoutMs: 60_000 })
    }
    const open = async (): Promise<{ app: App; made: Worker } & ReturnType<typeof define>> => {
      const app = lovage('canvas', { ...meeting, defaultQueue: 'ours', jsonTypes: 'plain', ...PATIENT }, { env: {} })
      ends.push(() => app.close())
      const tasks = define(app)
      const made = worker(app, { queues: ['ours'], gracePeriod: 0 })
      ends.push(() => made.stop())
      await made.start()
      return { app, made, ...tasks }
    }

    test('every form that Python sends runs in our worker', async () => {
      await open()
      const caller = python(['canvas.py', 'call'], 'ours')
      const line = await caller.line(/^RESULTS /, { timeoutMs: 120_000 })
      expect(JSON.parse(line.slice('RESULTS '.length))).toEqual({
        chain: 7,
        immutable: 10,
        options: 4,
        named: 9,
        group: [0, 2, 4],
        chain_group: [3, 4],
        map: [3, 7],
        starmap: [2, 4],
        chunks: [[0, 2], [4, 6], [8]],
        broken: ['TypeError', 'boom'],
        linked: 3,
        ...(hasChords && {
          children: [3, 13],
          chord: 6,
          upgraded: 107,
          nested: 19,
          chord_in_chord: 12,
          group_body: [6, [2, 4]],
          complex: [3, 4, 6],
          empty: 0,
          chord_error: ['ChordError', expect.stringMatching(/^Dependency .* raised TypeError\('boom'\)$/)],
        }),
      })
    }, 300_000)

    test('every form that we send runs in a Python worker', async () => {
      await theirWorker()
      const app = lovage('canvas', { ...meeting, jsonTypes: 'plain', ...PATIENT }, { env: {} })
      ends.push(() => app.close())
      const queue = { queue: 'theirs' }
      const add = app.remote<(x: number, y: number) => number>('both.add', queue)
      const sum = app.remote<(values: readonly number[]) => number>('both.sum', queue)
      const flat = app.remote<(values: readonly unknown[]) => unknown[]>('both.flat', queue)
      const fail = app.remote<(...args: unknown[]) => number>('both.fail', queue)
      const told = app.remote<() => unknown[]>('py.told', queue)
      const [note, fresh] = [app.remote('py.note', queue), app.remote('py.new', queue)]

      expect(await chain(add.s(1, 2), add.s(4), add.si(7, 7)).delay().get(patience)).toBe(14)
      expect(
        await group([add.s(1, 2), add.s(3, 4)])
          .delay()
          .get(patience),
      ).toEqual([3, 7])
      expect(
        await chain(add.s(1, 1), group([add.s(1), add.s(2)]))
          .delay()
          .get(patience),
      ).toEqual([3, 4])
      expect(
        await sum
          .map([
            [1, 2],
            [3, 4],
          ])
          .set(queue)
          .delay()
          .get(patience),
      ).toEqual([3, 7])
      expect(
        await add
          .chunks(
            [
              [1, 1],
              [2, 2],
              [3, 3],
            ],
            2,
          )
          .set(queue)
          .delay()
          .get(patience),
      ).toEqual([[2, 4], [6]])
      const failed = await chain(fail.s(), add.s(1)).linkError(note.s(), fresh.s()).delay()
      await expect(failed.get(patience)).rejects.toMatchObject({ name: 'ValueError', message: 'boom' })
      await add.s(1, 2).link(note.s()).delay().get(patience)
      const all = [failed.parent?.id, [failed.parent?.id, "ValueError('boom')"], 3]
      await expect.poll(() => told.delay().get(patience), { timeout: 60_000 }).toEqual(expect.arrayContaining(all))
      if (!hasChords) return
      expect(
        await chord([add.s(1, 2), add.s(3, 4)], sum.s())
          .delay()
          .get(patience),
      ).toBe(10)
      const deep = chord([add.s(1, 2), chain(add.s(3, 4), group([add.s(5), add.s(6)]))], flat.s())
      expect(await deep.delay().get(patience)).toEqual([3, 12, 13])
      expect(
        await chain(add.s(1, 1), group([add.s(1), add.s(2)]), sum.s(), add.s(100))
          .delay()
          .get(patience),
      ).toBe(107)
      const inner = chord([add.s(1, 1), add.s(2, 2)], sum.s())
      expect(
        await chord([inner, add.s(3, 3)], group([sum.s(), sum.s()]))
          .delay()
          .get(patience),
      ).toEqual([12, 12])
      await expect(
        chord([add.s(1, 2), fail.si()], sum.s())
          .delay()
          .get(patience),
      ).rejects.toMatchObject({ name: 'ChordError' })
    }, 300_000)

    if (!hasChords) return
    test('of the tasks of Celery’s own, each that Python sends runs here, or is put aside by name', async () => {
      const { app } = await open()
      const caller = python(['canvas.py', 'own'], 'ours')
      const { sent, came } = own(await caller.line(/^OWN /, { timeoutMs: 120_000 }))
      // Groups, chains and chords are taken apart by who sends them; chunks are a group of starmaps.
      const canvas = ['celery.map', 'celery.starmap', 'celery.starmap', 'celery.starmap']
      const byName = ['celery.accumulate', 'celery.accumulate', 'celery.backend_cleanup', 'celery.chunks']
      expect(sent).toEqual([...canvas, ...byName])
      expect(came).toEqual({
        map: [3, 7],
        starmap: [2, 4],
        chunks: [[2, 4], [6]],
        group: [2, 4],
        chord: 6,
        accumulate: [1, 2, 3],
        accumulate_one: [1, 2],
        backend_cleanup: null,
        chunks_task: [[2, 4], [6]],
      })
      // A Python task that a group takes the place of has that accumulated, here: its route says so.
      await theirWorker({ ACCUMULATE: 'ours' })
      const swapped = app.remote<() => unknown[]>('py.swapped', { queue: 'theirs' })
      expect(await swapped.delay().get(patience)).toEqual([2, 4])
      // Where results are in files Python polls them, by a task that needs results of that kind.
      const files = python(['canvas.py', 'own'], 'ours', { BACKEND: `file://${folder}` })
      expect(own(await files.line(/^OWN /, { timeoutMs: 120_000 })).sent).toEqual(['celery.chord_unlock'])
      const { broker } = await app.client()
      let dead: DeadLetter[] = []
      const names = async (): Promise<unknown[]> => {
        dead = await listDead(broker, 'ours')
        return dead.map(({ task }) => task)
      }
      await expect.poll(names, { timeout: 60_000 }).toEqual(['celery.chord_unlock'])
      expect(dead[0]?.reason.code).toBe('TASK_UNKNOWN')
    }, 240_000)

    test('a chord whose members run half in Python and half here has one body, on either side', async () => {
      await theirWorker()
      const { app, where, flat } = await open()
      const there = app.remote<(...args: unknown[]) => string>('both.where', { queue: 'theirs' })
      const flatThere = app.remote<(values: readonly unknown[]) => unknown[]>('both.flat', { queue: 'theirs' })
      const halves = [1, 2, 3].flatMap((x) => [where.si(x).set({ queue: 'ours' }), there.si(x)])
      const both = Array.from({ length: 6 }, (_, at) => (at % 2 ? 'python' : 'lovage'))
      for (const body of [flat.s().set({ queue: 'ours' }), flatThere.s()]) {
        expect(await chord(halves, body).delay().get(patience)).toEqual(both)
      }
      const step = chain(there.s(0), where.s().set({ queue: 'ours' }), there.s())
      expect(await step.delay().get(patience)).toBe('python')
    }, 300_000)
  })
}

function own(line: string): { readonly sent: string[]; readonly came: unknown } {
  return JSON.parse(line.slice('OWN '.length)) as ReturnType<typeof own>
}

describe('canvases between Python and Lovage', () => {
  canvases(
    'over Redis with results in Redis',
    ['redis'],
    async () => ({ broker: (redis as RedisNode).url(0), backend: (redis as RedisNode).url(1) }),
    true,
  )
  canvases(
    'over RabbitMQ with results over rpc',
    ['rabbitmq'],
    async () => ({ broker: await brokerUrl(import.meta.url), backend: 'rpc://' }),
    false,
  )
  canvases(
    'over RabbitMQ with results in Redis',
    ['rabbitmq', 'redis'],
    async () => ({ broker: await brokerUrl(`${import.meta.url}#redis`), backend: (redis as RedisNode).url(2) }),
    true,
  )
})
