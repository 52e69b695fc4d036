import { describe, expect, test } from 'vitest'
import type { HeardEvent } from '../../src/fleet/listener.ts'
import { isAlive, Picture, type WorkerPicture } from '../../src/fleet/picture.ts'
import { readEvents } from '../../src/protocol/event.ts'
import { capturedFleet, wordAsMessage } from '../protocol/captured.ts'

let clock = 0

function event(type: string, fields: Record<string, unknown> = {}, more: Partial<HeardEvent> = {}): HeardEvent {
  clock++
  return {
    type,
    hostname: 'w@h',
    utcoffset: 0,
    pid: 7,
    clock,
    timestamp: 100 + clock,
    heardAtMs: 1_000,
    fields,
    ...more,
  }
}

const task = (what: string, fields: Record<string, unknown> = {}): HeardEvent =>
  event(`task-${what}`, { uuid: 'i', ...fields })

describe('a worker in the picture', () => {
  test('is alive until it has missed two heartbeats', () => {
    const picture = new Picture()
    picture.hear(event('worker-heartbeat', { freq: 2, active: 3, processed: 9, loadavg: [1, 2, 3], sw_ver: '5' }))
    const [worker] = picture.workers as [WorkerPicture]
    expect(worker).toMatchObject({ hostname: 'w@h', pid: 7, freq: 2, active: 3, processed: 9, loadavg: [1, 2, 3] })
    expect([4_999, 5_000].map((nowMs) => isAlive(worker, nowMs))).toEqual([true, false])
  })

  test('that has said that it goes is gone, whatever it still tells of its tasks, until it comes again', () => {
    const picture = new Picture()
    const alive = (): boolean => isAlive(picture.worker('w@h') as WorkerPicture, 1_001)
    picture.hear(event('worker-online', { freq: 2 }))
    expect(alive()).toBe(true)
    picture.hear(event('worker-offline', { freq: 2 }))
    picture.hear(task('succeeded', { result: '1' }))
    expect(alive()).toBe(false)
    picture.hear(event('worker-online', { freq: 2 }))
    expect(alive()).toBe(true)
  })

  test('is known by what it tells of tasks too; a client is no worker', () => {
    const picture = new Picture()
    picture.hear(event('task-sent', { uuid: 'i', name: 'add', queue: 'celery' }, { hostname: 'gen1@h' }))
    expect(picture.workers).toEqual([])
    picture.hear(task('started'))
    expect(picture.worker('w@h')).toMatchObject({ freq: 60, active: undefined })
    expect(picture.task('i')).toMatchObject({ client: 'gen1@h', worker: 'w@h', queue: 'celery', name: 'add' })
  })
})

describe('a task in the picture', () => {
  test('goes through its states', () => {
    const picture = new Picture()
    const states = [
      task('sent', { name: 'add', args: '(2, 3)' }),
      task('received', { name: 'add', args: '(2, 3)', retries: 0 }),
      task('started'),
      task('retried', { exception: 'ValueError()' }),
      task('received', { retries: 1 }),
      task('started'),
      task('succeeded', { result: '5', runtime: 0.25 }),
    ].map((one) => {
      picture.hear(one)
      return picture.task('i')?.state
    })
    expect(states).toEqual(['PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'RECEIVED', 'STARTED', 'SUCCESS'])
    expect(picture.task('i')).toMatchObject({ args: '(2, 3)', retries: 1, result: '5', runtime: 0.25 })
    expect(Object.keys(picture.task('i')?.at ?? {})).toEqual(['sent', 'received', 'started', 'retried', 'succeeded'])
  })

  test('keeps its state where an earlier event comes later, and takes what that one alone tells', () => {
    const picture = new Picture()
    picture.hear(task('succeeded', { result: '5' }))
    picture.hear(task('started'))
    picture.hear(task('received', { name: 'add', args: '(2, 3)', result: 'not its own' }))
    expect(picture.task('i')).toMatchObject({ state: 'SUCCESS', result: '5', name: 'add', args: '(2, 3)' })
  })

  test('may have states of its own', () => {
    const picture = new Picture()
    picture.hear(task('started'))
    picture.hear(task('progress', { name: 'add' }))
    expect(picture.task('i')?.state).toBe('PROGRESS')
  })

  test('of which only its end was seen is there', () => {
    const picture = new Picture()
    const change = picture.hear(task('failed', { exception: "ValueError('x')", traceback: 'T' }))
    expect(change).toMatchObject({
      kind: 'task',
      isNew: true,
      task: { state: 'FAILURE', exception: "ValueError('x')" },
    })
  })
})

describe('a picture', () => {
  test('forgets what it heard of first', () => {
    const picture = new Picture({ tasks: 3, workers: 2 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      picture.hear(event('task-received', { uuid: id }, { hostname: `${id}@h` }))
    }
    expect(picture.tasks.map(({ uuid }) => uuid)).toEqual(['c', 'd', 'e'])
    expect(picture.workers.map(({ hostname }) => hostname)).toEqual(['d@h', 'e@h'])
  })

  test('leaves what is no event of a task or worker, and what is of another kind than it should be', () => {
    const picture = new Picture()
    for (const one of [event('custom-thing'), event('task-started'), event('task-started', { uuid: 7 })]) {
      expect(picture.hear(one)).toBeUndefined()
    }
    picture.hear(event('worker-heartbeat', { freq: 'often', active: null, loadavg: ['x'], sw_ident: 3 }))
    expect(picture.worker('w@h')).toMatchObject({ freq: 60, active: undefined, loadavg: undefined })
    picture.hear(task('succeeded', { result: 'x'.repeat(100_000) }))
    expect(picture.task('i')?.result).toHaveLength(16 * 1024)
  })

  test('takes no name that is none, and no heartbeat that could never be missed', () => {
    const picture = new Picture()
    expect(picture.hear(event('worker-online', {}, { hostname: 'x'.repeat(256) }))).toBeUndefined()
    expect(picture.hear(event('task-started', { uuid: 'i' }, { hostname: 'x'.repeat(1e6) }))).toBeUndefined()
    expect(picture.workers).toEqual([])
    picture.hear(event('worker-heartbeat', { freq: Infinity }))
    expect(picture.worker('w@h')).toMatchObject({ freq: 60 })
  })

  test.each(['5.2.6', '5.6.3'] as const)('takes in whatever Celery %s has told', (version) => {
    const picture = new Picture()
    for (const word of capturedFleet(version).events) {
      for (const one of readEvents(wordAsMessage(word)).events) picture.hear({ ...one, heardAtMs: 1_000 })
    }
    expect(picture.worker('w1@vm')).toMatchObject({ software: 'py-celery', version, system: 'Linux' })
    const states = picture.tasks.map(({ state }) => state)
    expect(states).toEqual(expect.arrayContaining(['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED', 'CUSTOM-KIND']))
    expect(picture.tasks.length).toBeGreaterThan(8)
  })
})
