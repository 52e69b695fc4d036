import { expect, test } from 'vitest'
import { Bench, waiting } from './bench.ts'

const NODE = 'w1@vm'
const HELD = 300

test('however much a worker holds, it can say what: arguments are text where there are too many', async () => {
  await using bench = new Bench()
  waiting(bench)
  const made = await bench.worker({ hostname: NODE, concurrency: 1, remoteControl: true })
  const eta = '2036-01-01T01:00:00+00:00'
  const large = 'x'.repeat(60_000)
  for (let at = 0; at < HELD; at++) {
    await bench.publish({ task: 'wait', id: `t${at}`, eta, argsrepr: '(...)' }, [large])
  }
  await expect.poll(() => made.stats().held, { timeout: 60_000 }).toBe(HELD)
  const inspect = bench.app.control.inspect({ destination: NODE, timeout: '60s' })
  const { [NODE]: held } = await inspect.scheduled()
  expect(held).toHaveLength(HELD)
  expect(held?.[0]?.request.args).toEqual([large])
  expect(held?.at(-1)?.request.args).toBe('(...)')
})
