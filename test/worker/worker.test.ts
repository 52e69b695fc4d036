import { describe, expect, test } from 'vitest'
import { currentTask, Ignore, Reject } from '../../src/index.ts'
import { Bench, Gate } from './bench.ts'

describe('a task that is sent', () => {
  test('is run, and its result comes back', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const made = await bench.worker()
    expect(await add.delay(2, 3).get({ timeout: '5s' })).toBe(5)
    await made.stop()
    expect(made.stats()).toMatchObject({ received: 1, started: 1, succeeded: 1 })
  })
})
void [currentTask, Ignore, Reject, Gate]
