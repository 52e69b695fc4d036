import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { GivenSettings } from '../../src/app/settings.ts'
import { type AnyResult, type App, chain, chord, group, lovage, type Progress } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { available, describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const folder = temporaryFolder()
const patience = { timeout: '60s' } as const
const patient = { timeout: 120_000 }
const polling = { timeout: 60_000 }

/** A task that begins, and ends when it is let. */
class Held {
  readonly began = gate()
  readonly let = gate()
}

function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve: () => resolve() }
}

/** Tasks on a worker, some of which the test lets end one by one. */
async function scene(settings: GivenSettings) {
  const app: App = lovage('progress', settings, { env: {} })
  onTestFinished(() => app.close())
  const holds = new Map<string, Held>()
  const ran: string[] = []
  const hold = (name: string): Held => {
    const held = holds.get(name) ?? new Held()
    holds.set(name, held)
    return held
  }
  const held = app.task('held', async (name: string): Promise<number> => {
    ran.push(name)
    hold(name).began.resolve()
    await hold(name).let.promise
    return 1
  })
  const note = app.task('note', (_before: unknown, name: string): number => ran.push(name))
  const fail = app.task('fail', (): number => {
    throw new TypeError('boom')
  })
  const sum = app.task('sum', (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0))
  const made = worker(app, { gracePeriod: 0 })
  onTestFinished(() => made.stop())
  await made.start()
  /** All workers know that it is revoked. */
  const isRevoked = async (id: string): Promise<void> => {
    const known = async () => Object.values(await app.control.inspect().revoked()).flat()
    await expect.poll(known, polling).toContain(id)
  }
  return { app, held, note, fail, sum, hold, ran, isRevoked }
}

const until = async (result: AnyResult, told: Progress): Promise<void> => {
  await expect.poll(() => result.progress(), polling).toEqual(told)
}

function anywhere(settings: () => GivenSettings | Promise<GivenSettings>): void {
  test('how far a canvas has come is told of all its tasks, those too that are not sent yet', patient, async () => {
    const { app, held, sum, note, hold } = await scene(await settings())
    const members = group([held.si('b'), held.si('c')])
    const result = await chain(held.s('a'), members, sum.s(), note.s('end')).delay()
    const told: Progress[] = []
    const telling = (async () => {
      for await (const one of result.progressing(patience)) told.push(one)
    })()
    expect(await result.progress()).toEqual({ done: 0, failed: 0, total: 5 })
    hold('a').let.resolve()
    await until(result, { done: 1, failed: 0, total: 5 })
    hold('c').let.resolve()
    await until(result, { done: 2, failed: 0, total: 5 })
    expect(await result.parent?.parent?.progress()).toEqual({ done: 2, failed: 0, total: 3 })
    hold('b').let.resolve()
    await until(result, { done: 5, failed: 0, total: 5 })
    await telling
    expect(told).toEqual([1, 2, 3, 4, 5].map((done) => ({ done, failed: 0, total: 5 })))
    expect(await app.asyncResult('nobody').progress()).toEqual({ done: 0, failed: 0, total: 1 })
  })

  test('what failed is counted, and what never ran because of it', patient, async () => {
    const { held, fail, sum, note, hold } = await scene(await settings())
    hold('a').let.resolve()
    const some = await group([held.s('a'), fail.s(), chain(fail.s(), note.s('never'))]).delay()
    await until(some, { done: 4, failed: 3, total: 4 })
    const body = await chord([held.s('a'), fail.s()], sum.s()).delay()
    await until(body, { done: 3, failed: 2, total: 3 })
    const counts: number[] = []
    for await (const { done, failed } of body.progressing(patience)) counts.push(done, failed)
    expect(counts.slice(-2)).toEqual([3, 2])
  })

  test('members of a group are told as they end, the first to end first', patient, async () => {
    const { held, fail, hold } = await scene(await settings())
    const result = await group([held.s('a'), held.s('b'), fail.s()]).delay()
    const ended = result.ended(patience)
    const next = async (): Promise<unknown> => {
      const { value } = await ended.next()
      return value ? [value.index, value.outcome?.state] : 'all'
    }
    expect(await next()).toEqual([2, 'FAILURE'])
    hold('b').let.resolve()
    expect(await next()).toEqual([1, 'SUCCESS'])
    hold('a').let.resolve()
    expect(await next()).toEqual([0, 'SUCCESS'])
    expect(await next()).toBe('all')
  })

  test('a whole tree is revoked, what is not sent yet too, and what runs goes on', patient, async () => {
    const { held, note, sum, hold, ran, isRevoked } = await scene(await settings())
    const members = group([note.s('member'), chain(note.s('first'), note.s('second'))])
    const result = await chain(held.s('a'), members, sum.s(), note.s('end')).delay()
    await hold('a').began.promise
    await result.revoke()
    await isRevoked(result.id)
    hold('a').let.resolve()
    await until(result, { done: 6, failed: 5, total: 6 })
    await expect(result.get(patience)).rejects.toMatchObject({
      name: expect.stringMatching(/^(ChordError|TaskRevoked)/),
    })
    expect(ran).toEqual(['a'])
  })

  test('and a group, with what runs of it', patient, async () => {
    const { held, note, hold, ran } = await scene(await settings())
    const result = await group([held.s('a'), chain(held.s('b'), note.s('never'))]).delay()
    await Promise.all([hold('a').began.promise, hold('b').began.promise])
    await result.revoke({ terminate: true })
    await until(result, { done: 3, failed: 3, total: 3 })
    await expect(result.get(patience)).rejects.toMatchObject({ name: 'TaskRevokedError' })
    expect(ran.toSorted()).toEqual(['a', 'b'])
  })
}

describe('progress of canvases, their ends, and their revoking', () => {
  let redis: RedisNode | undefined
  beforeAll(async () => {
    if (available('redis')) redis = await RedisNode.start()
  })
  afterAll(() => redis?.remove())

  describe('in memory', () => anywhere(() => ({ broker: `memory://${randomUUID()}` })))
  describe('on the embedded broker', () => anywhere(() => ({ broker: `embedded://${folder}/${randomUUID()}` })))
  describeWith(['redis'], 'on Redis', () => {
    let pair = 0
    anywhere(() => {
      const at = 2 * pair++
      return { broker: (redis as RedisNode).url(at), backend: (redis as RedisNode).url(at + 1) }
    })
  })
  describeWith(['rabbitmq'], 'on RabbitMQ over rpc', () =>
    anywhere(async () => ({ broker: await brokerUrl(import.meta.url), backend: 'rpc://' })),
  )
})
