import { describe, expect, test } from 'vitest'
import { signature } from '../../src/protocol/signature.ts'
import { Canvas, sig } from './canvas-bench.ts'

describe('what no canvas is', () => {
  const bad = { ...signature('celery.chain', [], { tasks: [5] }), subtask_type: 'chain' }

  const waysBack = async (made: Canvas, id: string): Promise<readonly string[]> => {
    await made.ended(id)
    await expect.poll(() => made.happened.filter((one) => /^ack (?!note)/.test(one)).length).toBeGreaterThan(0)
    return made.happened.filter((one) => one.startsWith('requeue'))
  }

  test.each(['add', 'fail', 'nobody'])('in a chain fails it, and nothing else: %s', async (task) => {
    await using made = new Canvas()
    await made.worker()
    const chain = [sig('add', [], { task_id: 'last' }), bad]
    const id = await made.start(task, [1, 2], { chain, errbacks: [sig('note')] })
    expect(await made.ended('last')).toMatchObject({ state: 'FAILURE' })
    await expect.poll(() => made.called('note'), { timeout: 60_000 }).toMatchObject([{ args: [id] }])
    expect(await made.ended(id)).toMatchObject({ state: 'FAILURE' })
    expect(await waysBack(made, id)).toEqual([])
    expect(made.logged('what follows a task is no canvas')).toMatchObject([{ id }])
  })

  test('as a callback fails the task', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('add', [1, 2], { callbacks: [bad], errbacks: [bad, sig('note')] })
    expect(await made.ended(id)).toMatchObject({ state: 'FAILURE' })
    expect(await waysBack(made, id)).toEqual([])
  })

  test('that cannot even be worked out ends in the dead letters, and does not come again and again', async () => {
    await using made = new Canvas()
    await made.worker()
    const get = made.app.registry.get.bind(made.app.registry)
    made.app.registry.get = (name) => {
      if (name === 'onError') throw new RangeError('of a fault of ours')
      return get(name)
    }
    const id = await made.start('fail', [], { errbacks: [sig('onError')] })
    await expect.poll(async () => (await made.dead()).map((dead) => dead.id), { timeout: 60_000 }).toEqual([id])
    expect(await made.ended(id)).toMatchObject({ state: 'FAILURE' })
    expect(made.called('fail')).toHaveLength(1)
    expect(await made.depth()).toBe(0)
    expect(await waysBack(made, id)).toEqual([])
  })

  test('as the body of a chord ends the chord', async () => {
    await using made = new Canvas()
    await made.worker()
    const chords = await made.app.canvas.chords('A test')
    await chords.open('g1', 1)
    const id = await made.start('add', [1, 2], { chord: bad }, { group: 'g1', groupIndex: 0 })
    expect(await waysBack(made, id)).toEqual([])
  })
})
