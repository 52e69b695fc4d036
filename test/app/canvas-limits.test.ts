import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { type AnyResult, chain, chord, group, lovage } from '../../src/index.ts'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { readResultTuple, resultTuple, type ResultTree } from '../../src/protocol/result-tree.ts'

test('a chain may have more steps than the stack is deep', async () => {
  const broker = openBroker(`memory://${randomUUID()}`)
  const open = () => ({ broker, backend: openBackend('rpc://', { broker }) })
  const app = lovage('canvas', { broker: 'memory://' }, { env: {}, open })
  const add = app.task('add', (x: number, y: number) => x + y)
  const steps = Array.from({ length: 20_000 }, () => add.s(1))
  const result = await chain(steps).applyAsync([1])
  let count = 0
  for (let one: AnyResult | undefined = result; one; one = one.parent) count++
  expect(count).toBe(20_000)
  const tree = Array.from({ length: 20_000 }, (_, at) => `id${at}`).reduce<ResultTree | undefined>(
    (parent, id) => ({ id, ...(parent && { parent }) }),
    undefined,
  ) as ResultTree
  let read: ResultTree | undefined = readResultTuple(resultTuple(tree))
  for (count = 0; read; read = read.parent) count++
  expect(count).toBe(20_000)
  await app.close()
})

test('a chord that nothing can count is refused by name, wherever in a canvas it is', async () => {
  const broker = openBroker(`memory://${randomUUID()}`)
  const open = () => ({ broker, backend: openBackend('rpc://', { broker }) })
  const app = lovage('canvas', { broker: 'other://localhost', backend: 'rpc://' }, { env: {}, open })
  const add = app.task('add', (x: number, y: number) => x + y)
  const sum = app.task('sum', (xs: readonly number[]) => xs.length)
  for (const canvas of [chord([add.s(1, 2)], sum.s()), chain(add.s(1, 2), group([add.s(1)]), sum.s())]) {
    await expect(canvas.delay()).rejects.toMatchObject({
      code: 'CAPABILITY_MISSING',
      message: /^A chord needs results in Redis, a store, or RabbitMQ/,
    })
  }
  expect(app.counts().sent).toBe(0)
  await app.close()
})
