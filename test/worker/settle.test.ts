import { describe, expect, test, vi } from 'vitest'
import { LovageError } from '../../src/base/errors.ts'
import { currentTask, Ignore, Reject } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, Gate } from './bench.ts'

const patience = { timeout: '60s' } as const

describe('a task that is sent', () => {
  test('is run, and its result comes back', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const made = await bench.worker()
    expect(await add.delay(2, 3).get(patience)).toBe(5)
    await made.stop()
    expect(made.stats()).toMatchObject({ received: 1, started: 1, succeeded: 1, failed: 0, running: 0, waiting: 0 })
  })

  test('is acknowledged after its result is stored', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const made = await bench.worker()
    await add.delay(2, 3).get(patience)
    await made.stop()
    expect(bench.happened).toEqual(['put SUCCESS', 'ack add'])
  })

  test('is acknowledged before it runs, where it does not want late acknowledgement', async () => {
    await using bench = new Bench()
    const seen: string[][] = []
    const early = bench.app.task('early', { acksLate: false }, () => void seen.push([...bench.happened]))
    const made = await bench.worker()
    await early.delay().get(patience)
    await made.stop()
    expect(seen).toEqual([['ack early']])
    expect(bench.happened).toEqual(['ack early', 'put SUCCESS'])
  })

  test('has one line in the log: task, id, wait, run, state', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    bench.app.task('nap', () => new Promise<void>((resolve) => void clock.after(70, resolve)))
    const { id } = await bench.app.sendTask('nap')
    await clock.play(400)
    const made = await bench.worker()
    await clock.play(70)
    expect(bench.logged('task done')).toEqual([
      { task: 'nap', id, state: 'SUCCESS', queue: 'celery', waitMs: 400, runMs: 70 },
    ])
    await made.stop()
  })

  test('by a producer that does not say when it sent has no wait in the log', async () => {
    await using bench = new Bench()
    bench.app.task('add', (x: number, y: number) => x + y)
    await bench.worker()
    await bench.publish({ task: 'add' }, [1, 2])
    await expect.poll(() => bench.logged('task done')).toMatchObject([{ waitMs: undefined, state: 'SUCCESS' }])
  })

  test('of which no result is wanted stores none, whatever comes of it', async () => {
    await using bench = new Bench()
    bench.app.task('quiet', { ignoreResult: true, trackStarted: true }, () => currentTask().progress(1))
    bench.app.task('loud', () => {
      throw new Error('no')
    })
    const made = await bench.worker()
    await bench.publish({ task: 'quiet' })
    await bench.publish({ task: 'loud', ignoreResult: true })
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, failed: 1 })
    expect(bench.happened.toSorted()).toEqual(['ack loud', 'ack quiet'])
  })

  test('tells that it has started, where that is wanted, and what it reports, in order and before its result', async () => {
    await using bench = new Bench()
    const gate = new Gate()
    const steps = bench.app.task('steps', { trackStarted: true }, () => {
      currentTask().progress({ step: 1 })
      currentTask().progress({ step: 2 })
    })
    const states: string[] = []
    bench.beforePut = async ({ state }) => {
      states.push(`begin ${state}`)
      if (state === 'STARTED') await gate.passed
    }
    const made = await bench.worker({ hostname: 'lovage@here' })
    const result = await steps.delay()
    const updates: unknown[] = []
    result.onUpdate(({ state, meta }) => void updates.push([state, meta]))
    await expect.poll(() => states).toEqual(['begin STARTED'])
    gate.open()
    await result.get(patience)
    await made.stop()
    expect(bench.happened).toEqual(['put STARTED', 'put PROGRESS', 'put PROGRESS', 'put SUCCESS', 'ack steps'])
    expect(updates).toEqual([
      ['STARTED', { pid: process.pid, hostname: 'lovage@here' }],
      ['PROGRESS', { step: 1 }],
      ['PROGRESS', { step: 2 }],
    ])
  })

  test('that reports faster than can be sent keeps the first and the newest', async () => {
    await using bench = new Bench()
    const busy = bench.app.task('busy', { trackStarted: true }, () => {
      for (let step = 0; step < 1_000; step++) currentTask().progress(step)
    })
    const sent: unknown[] = []
    bench.beforePut = ({ state, result }) => void sent.push('text' in result ? result.text : state)
    await bench.worker()
    await busy.delay().get(patience)
    expect(sent.slice(0, 2)).toEqual(['STARTED', '984'])
    expect(sent.slice(-2)).toEqual(['999', 'null'])
    expect(sent.length).toBeLessThan(30)
  })

  test('an update that cannot be sent is logged, and the task goes on', async () => {
    await using bench = new Bench()
    const steps = bench.app.task('steps', () => currentTask().progress(1))
    bench.beforePut = ({ state }) => {
      if (state === 'PROGRESS') throw new LovageError('PUBLISH_TIMEOUT', { timeoutMs: 2_000 })
    }
    await bench.worker()
    await steps.delay().get(patience)
    expect(bench.logged('update could not be sent')).toMatchObject([{ state: 'PROGRESS' }])
  })
})

describe('a result that cannot be stored', () => {
  test('is tried again until it is, and only then the message is acknowledged', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    let failures = 5
    bench.beforePut = () => {
      if (failures-- > 0) throw new LovageError('PUBLISH_TIMEOUT', { timeoutMs: 2_000 })
    }
    const made = await bench.worker()
    const result = await add.delay(2, 3)
    await clock.play(0)
    expect(bench.happened).toEqual([])
    expect(made.stats()).toMatchObject({ started: 1, succeeded: 0 })
    await clock.play(10_000)
    expect(bench.happened).toEqual(['put SUCCESS', 'ack add'])
    expect(await result.get()).toBe(5)
    expect(bench.logged('result could not be stored')).toHaveLength(5)
  })

  test('waits as many others do, all with one listener on the one signal that ends their waits', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    bench.app.task('add', (x: number, y: number) => x + y)
    let isDown = true
    bench.beforePut = () => {
      if (isDown) throw new LovageError('BROKER_UNREACHABLE', { url: 'x', problem: 'y' })
    }
    const made = await bench.worker({ concurrency: 300 })
    const added = vi.spyOn(AbortSignal.prototype, 'addEventListener')
    for (let i = 0; i < 300; i++) await bench.publish({ task: 'add' }, [i, 1])
    await clock.play(0)
    expect(bench.logged('result could not be stored')).toHaveLength(300)
    expect(added.mock.calls.filter(([name]) => name === 'abort')).toHaveLength(1)
    added.mockRestore()
    isDown = false
    await clock.play(1_000)
    expect(made.stats()).toMatchObject({ succeeded: 300 })
  })

  test('because it is too large is a failure that says so', async () => {
    await using bench = new Bench()
    const big = bench.app.task('big', () => 'x'.repeat(1000))
    bench.beforePut = ({ state }) => {
      if (state === 'SUCCESS') throw new LovageError('MESSAGE_TOO_LARGE', { size: 1002, limit: 1000 })
    }
    await bench.worker()
    await expect(big.delay().get(patience)).rejects.toMatchObject({
      excType: 'LovageError',
      excArgs: [expect.stringContaining('1000'), 'MESSAGE_TOO_LARGE'],
    })
    await expect.poll(() => bench.happened).toEqual(['put FAILURE', 'ack big'])
  })

  test('when the worker must stop gives the message back', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    bench.beforePut = () => {
      throw new LovageError('BROKER_UNREACHABLE', { url: 'x', problem: 'y' })
    }
    const made = await bench.worker({ gracePeriod: '10s' })
    await add.delay(2, 3)
    await clock.play(1_000)
    const stopped = made.stop()
    await clock.play(9_000)
    expect(bench.happened).toEqual([])
    await clock.play(3_000)
    await stopped
    expect(bench.happened).toEqual(['requeue add'])
    expect(made.stats()).toMatchObject({ returned: 1, succeeded: 0 })
    expect(await bench.depth()).toBe(1)
  })
})

describe('what a task throws to say what becomes of its message', () => {
  test('Ignore: acknowledged, nothing stored', async () => {
    await using bench = new Bench()
    bench.app.task('ignored', () => {
      throw new Ignore()
    })
    const made = await bench.worker()
    await bench.publish({ task: 'ignored' })
    await expect.poll(() => made.stats().ignored).toBe(1)
    expect(bench.happened).toEqual(['ack ignored'])
  })

  test('Reject: to the dead letters, nothing stored', async () => {
    await using bench = new Bench()
    bench.app.task('rejected', () => {
      throw new Reject('not mine')
    })
    const made = await bench.worker()
    const { id } = await bench.publish({ task: 'rejected' })
    await expect.poll(() => made.stats()).toMatchObject({ rejected: 1, dead: 1 })
    expect(bench.happened.filter((happened) => happened.startsWith('put'))).toEqual([])
    expect(await bench.dead()).toMatchObject([{ id, reason: { code: 'TASK_REJECTED' } }])
  })

  test('Reject with requeue: back to the queue, for whoever can', async () => {
    await using bench = new Bench()
    const redelivered: boolean[] = []
    const picky = bench.app.task('picky', () => {
      const { delivery } = currentTask()
      redelivered.push(delivery.redelivered)
      if (!delivery.redelivered) throw new Reject('not now', { requeue: true })
      return 'now'
    })
    const made = await bench.worker()
    expect(await picky.delay().get(patience)).toBe('now')
    await made.stop()
    expect(redelivered).toEqual([false, true])
    expect(made.stats()).toMatchObject({ rejected: 1, returned: 1, succeeded: 1, adopted: 0 })
  })

  test('Reject with requeue of a task that was acknowledged early: it is sent again', async () => {
    await using bench = new Bench()
    let runs = 0
    const picky = bench.app.task('picky', { acksLate: false }, () => {
      if (runs++ === 0) throw new Reject('not now', { requeue: true })
      return runs
    })
    await bench.worker()
    expect(await picky.delay().get(patience)).toBe(2)
  })
})
