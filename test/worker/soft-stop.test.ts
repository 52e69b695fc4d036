import { describe, expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { nextStep } from '../../src/worker/ending.ts'
import { Bench } from './bench.ts'

/** A task that returns when its signal aborts, with what that said. */
function told({ app }: Bench): void {
  app.task('told', () => {
    const { signal } = currentTask()
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(String(signal.reason))))
  })
}

async function running(
  options: object,
): Promise<{ bench: Bench; clock: VirtualClock; made: Awaited<ReturnType<Bench['worker']>> }> {
  const clock = new VirtualClock()
  const bench = new Bench({ clock })
  told(bench)
  const made = await bench.worker({ gracePeriod: '1h', ...options })
  await bench.publish({ task: 'told' })
  await clock.play(0)
  return { bench, clock, made }
}

/** How long a worker takes to stop, in milliseconds of its clock. */
async function lasting(clock: VirtualClock, stopping: Promise<void>): Promise<number> {
  const before = clock.now()
  let endedAt: number | undefined
  void stopping.then(() => (endedAt = clock.now()))
  while (endedAt === undefined) await clock.play(500)
  return endedAt - before
}

describe('a soft stop', () => {
  test('waits for what runs as long as softShutdownTimeout says, then it is a cold one', async () => {
    const { bench, clock, made } = await running({ softShutdownTimeout: '10s' })
    await using _ = bench
    expect(await lasting(clock, made.stop('soft'))).toBe(10_000)
    expect(bench.happened).toEqual(['put SUCCESS', 'ack told'])
  })

  test('is cold at once without softShutdownTimeout, as in Celery', async () => {
    const { bench, clock, made } = await running({})
    await using _ = bench
    expect(await lasting(clock, made.stop('soft'))).toBeLessThan(1_000)
  })

  test('follows on a warm one: the second stop gives what runs a moment, the third none', async () => {
    const { bench, clock, made } = await running({ softShutdownTimeout: '10s' })
    await using _ = bench
    void made.stop()
    await clock.play(60_000)
    expect(made.stats().running).toBe(1)
    const second = made.stop()
    await clock.play(9_000)
    expect(made.stats().running).toBe(1)
    const third = made.stop()
    await clock.play(600)
    await Promise.all([second, third])
    expect(bench.logged('worker stops').map(({ how }) => how)).toEqual(['warm', 'soft', 'cold'])
  })

  test('tells hooks how it stops', async () => {
    const { bench, clock, made } = await running({ softShutdownTimeout: '1s' })
    await using _ = bench
    const hows: string[] = []
    bench.app.on('workerShuttingDown', ({ how }) => hows.push(how))
    await lasting(clock, made.stop('soft'))
    expect(hows).toEqual(['soft'])
  })
})

test('a cold stop cuts off what runs at once, and hands it back', async () => {
  const clock = new VirtualClock()
  await using bench = new Bench({ clock })
  bench.app.task('never', () => new Promise<never>(() => {}))
  const made = await bench.worker({ gracePeriod: '1h', softShutdownTimeout: '1h' })
  await bench.publish({ task: 'never' })
  await clock.play(0)
  expect(await lasting(clock, made.stop('cold'))).toBeLessThanOrEqual(1_000)
  expect(bench.happened).toEqual(['requeue never'])
})

test.each([
  [undefined, undefined, 10, 'warm'],
  ['warm', undefined, 10, 'soft'],
  ['warm', undefined, 0, 'cold'],
  ['soft', undefined, 10, 'cold'],
  ['cold', undefined, 10, 'cold'],
  ['cold', 'warm', 10, 'cold'],
  ['soft', 'warm', 10, 'soft'],
  [undefined, 'soft', 0, 'cold'],
] as const)('after %s, asked for %s with %d ms of softness, comes %s', (now, asked, softMs, then) => {
  expect(nextStep(now, asked, softMs)).toBe(then)
})
