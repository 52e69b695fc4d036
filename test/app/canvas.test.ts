import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  addToChord,
  type App,
  chain,
  chord,
  currentTask,
  group,
  lovage,
  LovageError,
  Reject,
  replace,
} from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'

const patience = { timeout: '60s' } as const
const polling = { timeout: 60_000 }

describe('canvases on a worker', () => {
  let app: App
  let made: Worker
  let add: ReturnType<typeof define>['add']
  let sum: ReturnType<typeof define>['sum']
  let fail: ReturnType<typeof define>['fail']
  let tell: ReturnType<typeof define>['tell']
  let told: unknown[][]

  const define = (on: App) => ({
    add: on.task('add', (x: number, y: number) => x + y),
    sum: on.task('sum', (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0)),
    fail: on.task('fail', (_given: unknown = 0): number => {
      throw new TypeError('boom')
    }),
    tell: on.task('tell', (value: unknown = 0) => {
      told.push([currentTask().request.parentId, value])
      return value
    }),
  })

  beforeEach(async () => {
    told = []
    app = lovage('canvas', { broker: `memory://${randomUUID()}` }, { env: {} })
    ;({ add, sum, fail, tell } = define(app))
    made = worker(app, { gracePeriod: 0 })
    await made.start()
  })
  afterEach(async () => {
    await made.stop()
    await app.close()
  })

  test('a chain gives each step the result of the one before, and its result knows those before it', async () => {
    const result = await chain(add.s(1, 2), add.s(4), add.s(5)).delay()
    expect(await result.get(patience)).toBe(12)
    expect(await result.parent?.get(patience)).toBe(7)
    expect(await result.parent?.parent?.get(patience)).toBe(3)
    expect(result.parent?.parent?.parent).toBeUndefined()
    const [child] = (await (result.parent as typeof result).children()) ?? []
    expect(child?.id).toBe(result.id)
  })

  test('a pipe is a chain, and takes what its first step still lacks', async () => {
    const piped = add.s(4).pipe(add.s(5))
    expect(await piped.delay(1).get(patience)).toBe(10)
    expect(await piped.delay(2).get(patience)).toBe(11)
    expect(await chain(add.s(1, 1), piped, add.si(7, 7)).delay().get(patience)).toBe(14)
  })

  test('a group comes to a list, in the order of its members, and tells them as they end', async () => {
    const result = await group([add.s(1, 2), add.s(3, 4), tell.si('x')]).delay()
    expect(await result.get(patience)).toEqual([3, 7, 'x'])
    const ends: unknown[] = []
    for await (const { index, outcome } of result.ended(patience)) ends.push([index, outcome?.state])
    expect(ends.length).toBe(3)
    expect(ends).toContainEqual([2, 'SUCCESS'])
    expect(
      await group([add.s(1), add.s(2)])
        .delay(10)
        .get(patience),
    ).toEqual([11, 12])
  })

  test('of a group that fails the first failure is thrown, and all ends are told', async () => {
    const result = await group([add.s(1, 2), fail.si()]).delay()
    await expect(result.get(patience)).rejects.toMatchObject({ name: 'TypeError', message: 'boom' })
    const states = new Set<string | undefined>()
    for await (const { outcome } of result.ended(patience)) states.add(outcome?.state)
    expect(states).toEqual(new Set(['SUCCESS', 'FAILURE']))
  })

  test('a chord gives its body the list, and a group that is followed is a chord', async () => {
    expect(
      await chord([add.s(1, 2), add.s(3, 4)], sum.s())
        .delay()
        .get(patience),
    ).toBe(10)
    expect(
      await group([add.s(1, 2), add.s(3, 4)])
        .pipe(sum.s())
        .pipe(add.s(1))
        .delay()
        .get(patience),
    ).toBe(11)
    const result = await chain(add.s(1, 1), group([add.s(1), add.s(2)]), sum.s()).delay()
    expect(await result.get(patience)).toBe(7)
    expect(await result.parent?.get(patience)).toEqual([3, 4])
    expect(await result.parent?.parent?.get(patience)).toBe(2)
  })

  test('nested at will', async () => {
    const inner = chord([add.s(1, 2), chain(add.s(3, 4), add.s(5))], sum.s())
    const both = group([add.s(1), chain(add.s(1), group([add.s(2), add.s(3)]))])
    expect(await inner.pipe(both).delay().get(patience)).toEqual([16, [18, 19]])
    const lists = app.task('lists', (xs: readonly (number | number[])[]) => xs.flat())
    expect(await inner.pipe(both).pipe(lists.s()).delay().get(patience)).toEqual([16, 18, 19])
    expect(
      await chord([inner, inner], group([sum.s(), lists.s()]))
        .delay()
        .get(patience),
    ).toEqual([30, [15, 15]])
    expect(
      await chord([inner, inner], group([sum.s(), sum.s()]))
        .pipe(sum.s())
        .delay()
        .get(patience),
    ).toBe(60)
  })

  test('a chord of which a member fails throws ChordError, and calls back', async () => {
    const result = await chord([add.s(1, 2), fail.si()], sum.s().linkError(tell.s())).delay()
    await expect(result.get(patience)).rejects.toMatchObject({
      name: 'ChordError',
      message: /^Dependency .* raised TypeError\('boom'\)$/,
    })
    await expect.poll(() => told).toMatchObject([[result.id, result.id]])
  })

  test('callbacks are called with the result, error callbacks with the id', async () => {
    const result = await add.s(1, 2).link(tell.s(), tell.si('done')).linkError(tell.s()).delay()
    await expect.poll(() => told.length).toBe(2)
    expect(told).toEqual(
      expect.arrayContaining([
        [result.id, 3],
        [result.id, 'done'],
      ]),
    )
    const failed = await chain(fail.s(), add.s(1)).linkError(tell.s()).delay()
    await expect(failed.get(patience)).rejects.toThrow('boom')
    await expect.poll(() => told.length).toBe(3)
    expect(told[2]?.[1]).toBe(failed.parent?.id)
  })

  test('map, starmap and chunks call many times in few messages', async () => {
    const double = app.task('double', (x: number) => x * 2)
    expect(await double.map([1, 2, 3]).delay().get(patience)).toEqual([2, 4, 6])
    expect(
      await add
        .starmap([
          [1, 2],
          [3, 4],
        ])
        .delay()
        .get(patience),
    ).toEqual([3, 7])
    const pairs = [0, 1, 2, 3, 4].map((x): [number, number] => [x, x])
    expect(await add.chunks(pairs, 2).delay().get(patience)).toEqual([[0, 2], [4, 6], [8]])
    const flat = app.task('flat', (xs: readonly (readonly number[])[]) => xs.flat().length)
    expect(await add.chunks(pairs, 2).pipe(flat.s()).delay().get(patience)).toBe(5)
  })

  test('options are those of the call', async () => {
    const there = app.task('there', { queue: 'other' }, () => currentTask().delivery.routingKey)
    const other = worker(app, { queues: ['other', 'third'], gracePeriod: 0 })
    await other.start()
    expect(await chain(add.s(1, 1), there.si()).delay().get(patience)).toBe('other')
    expect(await there.s().set({ queue: 'third' }).delay().get(patience)).toBe('third')
    const result = await chain(add.s(1, 1), there.si()).applyAsync([], { taskId: 'mine' })
    expect(result.id).toBe('mine')
    expect(await result.get(patience)).toBe('other')
    await other.stop()
  })

  test('sent from inside a task it is part of the same tree', async () => {
    const outer = app.task('outer', async () => (await chain(add.s(1, 2), tell.s()).delay()).id)
    const result = await outer.delay()
    const inner = app.asyncResult(await result.get(patience))
    expect(await inner.get(patience)).toBe(3)
    expect((await result.children()).map(({ id }) => id)).toEqual([inner.id])
  })

  test('a task that is replaced comes to what the canvas comes to, wherever it stands', async () => {
    const swapped = app.task('swapped', async (x: number) => replace(chain(add.s(x, 1), add.s(1))))
    const many = app.task('many', async (x: number) => replace(group([add.s(x, 1), add.s(x, 2)])))
    expect(await swapped.delay(1).get(patience)).toBe(3)
    expect(await many.delay(1).get(patience)).toEqual([2, 3])
    expect(await chain(swapped.s(1), swapped.s(), many.s(), sum.s()).delay().get(patience)).toBe(13)
    expect(
      await chord([swapped.s(1), add.s(1, 1)], sum.s())
        .delay()
        .get(patience),
    ).toBe(5)
    const broken = app.task('broken', async () => replace(fail.si()))
    const result = await chain(broken.s(), tell.s()).linkError(tell.s()).delay()
    await expect(result.get(patience)).rejects.toThrow('boom')
    await expect.poll(() => told.length).toBe(1)
    expect(() => replace(add.s(1, 1))).toThrow('outside of a task')
  })

  test('a member adds members to its chord', async () => {
    const more = app.task('more', async (x: number) => {
      await addToChord(add.s(x, 100))
      return x
    })
    expect(
      await chord([more.s(1), add.s(1, 1)], sum.s())
        .delay()
        .get(patience),
    ).toBe(104)
    await expect(more.delay(1).get(patience)).rejects.toThrow('in no chord')
  })

  test('the body of a chord that is sent again runs from one message', async () => {
    const { broker } = await app.client()
    const ran: string[] = []
    const body = app.task('body', (xs: readonly number[]) => {
      ran.push(currentTask().id)
      return xs.length
    })
    const publish = broker.publish.bind(broker)
    broker.publish = async (message, to, options) => {
      await publish(message, to, options)
      if (message.headers['task'] !== 'body' || ran.includes('lost')) return
      // It is there, and who has sent it cannot know.
      ran.push('lost')
      throw new LovageError('PUBLISH_TIMEOUT', { timeoutMs: 1 })
    }
    const result = await chord([add.s(1, 1), add.s(2, 2)], body.s()).delay()
    expect(await result.get(patience)).toBe(2)
    await expect.poll(async () => (await broker.admin?.depth('celery'))?.messages, polling).toBe(0)
    await made.stop()
    expect(ran).toEqual(['lost', result.id])
    broker.publish = publish
  })

  test('a member that runs again adds and replaces by the same tasks, and none counts twice', async () => {
    const { broker } = await app.client()
    const ids: string[] = []
    const publish = broker.publish.bind(broker)
    broker.publish = async (message, to, options) => {
      if (message.headers['task'] === 'add') ids.push(String(message.headers['id']))
      await publish(message, to, options)
    }
    const isAgain = new Set<string>()
    const twice = app.task('twice', async (x: number) => {
      await addToChord(add.s(x, 100))
      const { id, request } = currentTask()
      // As if its worker had died: the same message comes again.
      if (!isAgain.has(id)) {
        isAgain.add(id)
        throw new Reject('once more', { requeue: true })
      }
      expect(request.retries).toBe(0)
      return replace(chain(add.s(x, 1), add.s(1)))
    })
    const canvas = chord([twice.s(1), add.s(1, 1)], sum.s())
    expect(await canvas.delay().get(patience)).toBe(101 + 3 + 2)
    const added = ids.filter((id, at) => ids.indexOf(id) !== at)
    expect(added).toHaveLength(1)
    broker.publish = publish
  })

  test('arguments that do not fit, and canvases of nothing, are refused when they are sent', async () => {
    await expect(add.s(1).applyAsync([] as never)).rejects.toMatchObject({ code: 'ARGUMENTS_INVALID' })
    expect(() => group([])).toThrow('is empty')
    expect(() => chain([])).toThrow('is empty')
    expect(() => group([add.s(1, 2)]).link(tell.s())).toThrow('many results')
    expect(() => add.s(1, 2).set({ countdown: -1 })).toThrow('countdown')
    expect(() => group([add.s(1, 2)]).set({ kwargs: { x: 1 } })).toThrow('kwargs of celery.group.set()')
  })

  test('takes arguments by name too, over those it has', () => {
    const { data } = add
      .s(1)
      .set({ kwargs: { y: 2, z: 3 } })
      .set({ kwargs: { y: 4 }, queue: 'third' })
    expect([data.args, data.kwargs, data.options]).toEqual([[1], { y: 4, z: 3 }, { queue: 'third' }])
  })
})
