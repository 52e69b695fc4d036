import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { lovage, currentTask, type App } from '../../src/index.ts'
import { TaskError } from '../../src/protocol/failure.ts'
import { worker, type Worker } from '../../src/worker/worker.ts'
import type { Child } from '../services/child.ts'
import { describeWith } from '../services/available.ts'
import { startPython, type PythonOptions } from '../services/python.ts'
import { addOptionTasks, expectOptions, expectTheirOptions } from './options.ts'
import { PATIENT } from '../services/patience.ts'

const FILES = { 'interop.py': readFileSync(new URL('celery-app.py', import.meta.url), 'utf8') }

/** Python's queue has a name of its own, so that each side runs only its own tasks. */
const PYTHON_QUEUE = 'python'

class Stubborn extends Error {
  override name = 'Stubborn'
}

/** Where both sides meet. */
export interface Meeting {
  readonly broker: string
  readonly backend: string
}

/** A Python client and a Lovage worker, then a Lovage client and a Python worker, over the servers that `meet` gives. */
export function bothWays(name: string, needs: readonly Need[], meet: () => Promise<Meeting>): void {
  describeWith([...needs, 'celery'], name, () => {
    let meeting: Meeting
    let app: App
    let ours: Worker

    const python = (args: readonly string[], options: PythonOptions = {}): Child =>
      startPython(args, {
        files: FILES,
        ...options,
        env: { BROKER: meeting.broker, BACKEND: meeting.backend, ...options.env },
      })

    beforeAll(async () => {
      meeting = await meet()
      app = lovage('interop', { ...meeting, jsonTypes: 'plain', ...PATIENT })
      app.task('ts.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
      app.task('ts.echo', (value: unknown) => value)
      app.task('ts.describe', (..._args: unknown[]) => {
        const { args, request } = currentTask()
        return { seen: args.map(String), lang: request.lang, argsrepr: request.argsrepr }
      })
      app.task('ts.fail', (kind: string) => {
        if (kind === 'type') throw new TypeError('not a function: ä')
        if (kind === 'own') throw new Stubborn('will not')
        const circle: { self?: unknown } = {}
        circle.self = circle
        return circle
      })
      addOptionTasks(app)
      ours = worker(app, { queues: ['celery'], concurrency: 10 })
      await ours.start()
    })

    afterAll(async () => {
      await ours?.stop()
      await app?.close()
    })

    test('a Python caller runs our tasks, and their failures arrive as exceptions', async () => {
      const caller = python(['interop.py', 'call'])
      const line = await caller.line(/^RESULTS /, { timeoutMs: 60_000 })
      await caller.ended()
      const seen = JSON.parse(line.slice('RESULTS '.length)) as Record<string, never>
      expect(seen).toMatchObject({
        sum: 5,
        date: '2026-11-21T02:03:04.000005Z',
        nan: { seen: ['NaN', 'Infinity'], lang: 'py', argsrepr: '(nan, inf)' },
        type_error: {
          type: 'TypeError',
          module: 'builtins',
          args: ['not a function: ä'],
          traceback: true,
          state: 'FAILURE',
        },
        own_error: { type: 'Stubborn', args: ['will not'], traceback: true, state: 'FAILURE' },
        unknown: { type: 'NotRegistered', args: ['ts.nobody'], state: 'FAILURE' },
        too_many: {
          type: 'LovageError',
          args: [expect.stringContaining('ts.add'), 'ARGUMENTS_INVALID'],
          state: 'FAILURE',
        },
        circular: { type: 'EncodeError', state: 'FAILURE' },
        later: 2,
      })
      expect(seen.echo).toEqual({
        unicode: true,
        nested: true,
        null: true,
        big: true,
        negative: true,
        float: true,
        empty: true,
      })
      expect((seen.circular as unknown as { args: string[] }).args[0]).toContain('$.self')
    })

    test('a Python caller says how our tasks run: limits, expiry, headers, times, and hears what they tell', async () => {
      const caller = python(['interop.py', 'options'])
      const line = await caller.line(/^RESULTS /, { timeoutMs: 60_000 })
      await caller.ended()
      expectOptions(JSON.parse(line.slice('RESULTS '.length)), meeting.broker)
    })

    const startTheirs = async (): Promise<Child> => {
      const args = ['-m', 'celery', '-A', 'interop', 'worker', '-c', '1', '-Q', PYTHON_QUEUE, '-l', 'INFO']
      const theirs = python(args, { env: { QUEUE: PYTHON_QUEUE } })
      await theirs.line(/ ready\./, { timeoutMs: 60_000 })
      return theirs
    }

    test('a Python worker runs what we send, and its failures arrive as errors', async () => {
      const queue = PYTHON_QUEUE
      const theirs = await startTheirs()
      const timeout = '60s' as const

      const add = app.remote<(x: number, y: number) => number>('py.add', { queue })
      expect(await add.delay(2, 3).get({ timeout })).toBe(5)
      expect(await app.sendTask<number>('py.add', [2], { y: 3 }, { queue }).get({ timeout })).toBe(5)

      const echo = app.remote<(value: unknown) => unknown>('py.echo', { queue })
      const values = [
        'äöü 日本語 😀 \0 "q" \\',
        { a: [1, [2, { b: null }]], '': { t: true } },
        null,
        2n ** 70n,
        -(2n ** 63n) - 1n,
        0.1,
      ]
      for (const value of values) expect(await echo.delay(value).get({ timeout })).toEqual(value)
      expect(await echo.delay(new Date(Date.UTC(2026, 10, 21, 2, 3, 4, 5))).get({ timeout })).toBe(
        '2026-11-21T02:03:04.005000Z',
      )

      const nan = app.remote<() => unknown[]>('py.nan', { queue })
      expect(await nan.delay().get({ timeout })).toEqual([NaN, Infinity, 2n ** 70n, 1])

      const described = await app
        .sendTask<Record<string, unknown>>(
          'py.describe',
          [1, "it's"],
          { on: true, none: null },
          { queue, timeLimit: '30s', softTimeLimit: '20s' },
        )
        .get({ timeout })
      expect(described).toMatchObject({
        args: [1, "it's"],
        kwargs: { on: true, none: null },
        argsrepr: "(1, 'it\\'s')",
        kwargsrepr: "{'on': True, 'none': None}",
        retries: 0,
        timelimit: [30, 20],
        root_id: described.id,
        parent_id: null,
      })

      const fail = app.remote<(kind: string) => never>('py.fail', { queue })
      const error = await fail
        .delay('value')
        .get({ timeout })
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(TaskError)
      expect(error).toMatchObject({ excType: 'ValueError', excModule: 'builtins', message: 'no such value: ä' })
      expect((error as TaskError).traceback).toContain('raise ValueError')
      const own = await fail
        .delay('own')
        .get({ timeout })
        .catch((thrown: unknown) => thrown)
      expect(own).toMatchObject({ excType: 'Stubborn', excModule: 'interop', excArgs: ['will not', 7] })

      await expectTheirOptions(app, queue)
      await theirs.stop()
    })
  })
}
