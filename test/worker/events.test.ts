import { describe, expect, test } from 'vitest'
import { currentTask, Ignore, Reject, retry } from '../../src/index.ts'
import type { WorkerOptions } from '../../src/worker/worker.ts'
import { celerys, namesOf, VERSIONS } from '../fleet/celerys.ts'
import { Watch } from '../fleet/watching.ts'
import { Bench } from './bench.ts'

const patience = { timeout: '60s' } as const

/** A bench whose events are watched from before its worker starts. */
async function watched(bench: Bench, options: WorkerOptions = {}): Promise<Watch> {
  const { broker } = await bench.app.client()
  const watch = await Watch.start(broker)
  await bench.worker({ hostname: 'ours@host', events: true, ...options })
  return watch
}

const shapeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? value.map(shapeOf).join() : typeof value

/** What a field holds in Celery's events. */
const kindsOf = (type: string, name: string): string[] =>
  VERSIONS.flatMap((version) => celerys(version).get(type) ?? []).map(({ fields }) => shapeOf(fields[name]))

describe('a worker with events', () => {
  test('tells of a task what Celery tells, in its order', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    await using watch = await watched(bench)
    const result = await add.delay(2, 3)
    await watch.event('task-succeeded', result.id)
    expect(watch.course(result.id)).toEqual(['task-received', 'task-started', 'task-succeeded'])
    const [received, , succeeded] = watch.heard.filter(({ fields }) => fields['uuid'] === result.id)
    expect(received).toMatchObject({ hostname: 'ours@host', pid: process.pid })
    expect(received?.fields).toEqual({
      uuid: result.id,
      name: 'add',
      args: '(2, 3)',
      kwargs: '{}',
      root_id: result.id,
      parent_id: null,
      retries: 0,
      eta: null,
      expires: null,
    })
    expect(succeeded?.fields).toEqual({ uuid: result.id, result: '5', runtime: expect.any(Number) as number })
  })

  test('tells how a task failed, was tried again, refused, revoked or not known', async () => {
    await using bench = new Bench()
    const { app } = bench
    const fails = app.task('fails', () => {
      throw new RangeError('no such value')
    })
    const again = app.task('again', { maxRetries: 3 }, () => {
      if (currentTask().retries === 0) throw retry({ cause: new TypeError('not yet'), countdown: 0 })
      if (currentTask().retries === 1) throw retry({ countdown: 0 })
    })
    const refuses = app.task('refuses', () => {
      throw new Reject('not mine')
    })
    const ignores = app.task('ignores', () => {
      throw new Ignore()
    })
    await using watch = await watched(bench)
    const failed = await fails.delay()
    const { fields } = await watch.event('task-failed', failed.id)
    expect(fields['exception']).toBe("ValueError('no such value')")
    expect(fields['traceback']).toContain('RangeError: no such value')

    const retried = await again.delay()
    await watch.until('it is tried again twice', () => watch.of('task-retried').length >= 2)
    expect(watch.of('task-retried').map((event) => event.fields['exception'])).toEqual(["TypeError('not yet')", 'None'])
    // Told before the next try can begin.
    expect(watch.course(retried.id).slice(0, 4)).toEqual([
      'task-received',
      'task-started',
      'task-retried',
      'task-received',
    ])
    expect(watch.of('task-received').find((event) => event.fields['retries'] === 1)?.fields['uuid']).toBe(retried.id)

    const rejected = await refuses.delay()
    expect((await watch.event('task-rejected', rejected.id)).fields).toEqual({ uuid: rejected.id, requeue: false })

    const expired = await bench.publish({ task: 'fails', expires: '2020-01-01T00:00:00+00:00' })
    const ended = await watch.event('task-revoked', expired.id)
    expect(ended.fields).toEqual({ uuid: expired.id, terminated: false, signum: null, expired: true })

    const unknown = await app.sendTask('nobody.knows', [])
    expect((await watch.event('task-failed', unknown.id)).fields).toEqual({
      uuid: unknown.id,
      exception: "NotRegistered('nobody.knows')",
    })
    const ignored = await ignores.delay()
    await watch.event('task-started', ignored.id)
  })

  test('tells of a task that was terminated', async () => {
    await using bench = new Bench()
    const waits = bench.app.task('waits', async () => {
      const { signal } = currentTask()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    })
    const { broker } = await bench.app.client()
    await using watch = await Watch.start(broker)
    const worker = await bench.worker({ events: true })
    const { id } = await waits.delay()
    await watch.event('task-started', id)
    worker.revoke(id, { terminate: true })
    const { fields } = await watch.event('task-revoked', id)
    expect(fields).toEqual({ uuid: id, terminated: true, signum: 15, expired: false })
  })

  test('shows of a large result the beginning', async () => {
    await using bench = new Bench()
    const large = bench.app.task('large', () => 'x'.repeat(100_000))
    await using watch = await watched(bench)
    const { id } = await large.delay()
    const { fields } = await watch.event('task-succeeded', id)
    expect((fields['result'] as string).length).toBeLessThan(1_100)
  })

  test.each(VERSIONS)('writes each event as Celery %s does', async (version) => {
    await using bench = new Bench()
    const { app } = bench
    const does = {
      value: app.task('value', () => 1),
      fail: app.task('fail', () => {
        throw new Error('boom')
      }),
      again: app.task('again', { maxRetries: 1, retryDelay: 0 }, () => {
        throw retry({ cause: new Error('again') })
      }),
      refuse: app.task('refuse', () => {
        throw new Reject('no')
      }),
      hang: app.task('hang', async () => {
        const { signal } = currentTask()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      }),
    }
    const { broker } = await app.client()
    await using watch = await Watch.start(broker)
    const worker = await bench.worker({ events: true, heartbeatInterval: 20 })
    for (const task of Object.values(does)) await task.delay()
    worker.revoke('unwanted')
    await does.value.applyAsync([], { taskId: 'unwanted' })
    await watch.until('the task that hangs has begun', () => watch.of('task-started').length >= 6)
    worker.revoke(String(watch.of('task-received').find((event) => event.fields['name'] === 'hang')?.fields['uuid']), {
      terminate: true,
    })
    await watch.until('both are revoked', () => watch.of('task-revoked').length >= 2)
    await watch.event('worker-heartbeat')
    await worker.stop()
    await watch.event('worker-offline')
    const theirs = celerys(version)
    const compared = new Set<string>()
    for (const event of watch.heard) {
      const alike = theirs.get(event.type)?.filter((one) => namesOf(one).join() === namesOf(event).join())
      if (!theirs.has(event.type)) continue
      compared.add(event.type)
      expect(alike, `${event.type} with ${namesOf(event).join(', ')}`).not.toEqual([])
      // Of either version: not every kind of value was captured of each.
      for (const [name, value] of Object.entries(event.fields)) {
        expect(kindsOf(event.type, name), `${event.type} ${name}`).toContain(shapeOf(value))
      }
    }
    const wanted = ['online', 'heartbeat', 'offline'].map((type) => `worker-${type}`)
    wanted.push(
      ...['received', 'started', 'succeeded', 'failed', 'retried', 'rejected', 'revoked'].map((t) => `task-${t}`),
    )
    expect([...compared].toSorted()).toEqual(wanted.filter((type) => theirs.has(type)).toSorted())
    expect(compared.size).toBeGreaterThanOrEqual(9)
  })
})

describe('a worker without events', () => {
  test('tells that it is there and that it goes, and nothing of its tasks', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const { broker } = await bench.app.client()
    await using watch = await Watch.start(broker)
    const worker = await bench.worker({ heartbeatInterval: 20 })
    expect(await add.delay(1, 2).get(patience)).toBe(3)
    await watch.until('it has said twice that it lives', () => watch.of('worker-heartbeat').length >= 2)
    await worker.stop()
    await watch.event('worker-offline')
    expect(watch.heard.filter(({ type }) => type.startsWith('task-'))).toEqual([])
    const [online] = watch.heard
    expect(online).toMatchObject({ type: 'worker-online', fields: { freq: 0.02, active: 0, sw_ident: 'lovage' } })
    expect(watch.heard.at(-1)).toMatchObject({ type: 'worker-offline', fields: { processed: 1 } })
    expect(worker.stats().events).toEqual({ sent: watch.heard.length, dropped: 0 })
  })

  test('tells them while they are turned on', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const { broker } = await bench.app.client()
    await using watch = await Watch.start(broker)
    const worker = await bench.worker({ heartbeatInterval: 0 })
    const before = await add.delay(1, 2)
    await before.get(patience)
    expect([worker.enableEvents(), worker.enableEvents()]).toEqual([true, false])
    const during = await add.delay(1, 2)
    await during.get(patience)
    await watch.event('task-succeeded', during.id)
    expect([worker.disableEvents(), worker.disableEvents()]).toEqual([true, false])
    const after = await add.delay(1, 2)
    await after.get(patience)
    await worker.stop()
    // The end of the one before may come when they are on already.
    expect(watch.of('task-received').map(({ fields }) => fields['uuid'])).toEqual([during.id])
    expect(watch.course(after.id)).toEqual([])
  })
})

test('time goes on from event to event, and past what the others have told', async () => {
  await using bench = new Bench()
  const add = bench.app.task('add', (x: number, y: number) => x + y)
  await using watch = await watched(bench)
  for (let at = 0; at < 3; at++) await add.delay(1, at).get(patience)
  await watch.until('all have ended', () => watch.of('task-succeeded').length === 3)
  const clocks = watch.heard.filter(({ type }) => type.startsWith('task-')).map(({ clock }) => clock)
  expect(clocks).toEqual(clocks.toSorted((a, b) => a - b))
  expect(new Set(clocks).size).toBe(clocks.length)
  expect(watch.lamport.value).toBeGreaterThan(Math.max(...clocks))
})

test('of a task that wants none, nothing is told', async () => {
  await using bench = new Bench()
  const quiet = bench.app.task('quiet', { sendEvents: false }, () => 1)
  const loud = bench.app.task('loud', () => 2)
  await using watch = await watched(bench)
  const first = await quiet.delay()
  await first.get(patience)
  const second = await loud.delay()
  await watch.event('task-succeeded', second.id)
  expect(watch.course(first.id)).toEqual([])
})
