import { describe, expect, test } from 'vitest'
import { signature, type Signature } from '../../src/protocol/signature.ts'
import { Canvas, sig } from './canvas-bench.ts'

describe('callbacks of a task', () => {
  test('are sent with its result in front of their arguments, and are its children', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('add', [1, 2], { callbacks: [sig('add', [10])] })
    await expect.poll(() => made.called('add').length).toBe(2)
    const [, second] = made.called('add')
    expect(second).toMatchObject({ args: [3, 10], parentId: id, rootId: id })
    expect(await made.ended(id)).toMatchObject({ children: [[[second?.id, null], null]] })
  })

  test('that are immutable are sent as they are, and several are a group', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('add', [1, 2], { callbacks: [sig('note'), sig('add', [7, 7], {}, true)] })
    await expect.poll(() => made.seen.length).toBe(3)
    const [first] = made.called('note')
    expect(first).toMatchObject({ args: [3], parentId: id })
    const [, second] = made.called('add')
    expect(second).toMatchObject({ args: [7, 7], group: first?.group })
    expect(await made.ended(id)).toMatchObject({
      children: [
        [
          [first?.group, null],
          [
            [[first?.id, null], null],
            [[second?.id, null], null],
          ],
        ],
      ],
    })
  })

  test('are not sent when it fails, or ignores its message', async () => {
    await using made = new Canvas()
    const worker = await made.worker()
    const id = await made.start('fail', [], { callbacks: [sig('note')] })
    await made.start('ignore', [], { callbacks: [sig('note')] })
    await made.ended(id)
    await expect.poll(() => made.happened.filter((one) => one.startsWith('ack')).length).toBe(2)
    await worker.stop()
    expect(made.called('note')).toEqual([])
  })

  test('are with the broker before the message is acknowledged', async () => {
    await using made = new Canvas()
    await made.worker()
    const { broker } = await made.app.client()
    const publish = broker.publish.bind(broker)
    broker.publish = async (message, to, options) => {
      if (message.headers.task === 'note') made.happened.push('put callback')
      await publish(message, to, options)
    }
    const id = await made.start('add', [1, 2], { callbacks: [sig('note')] })
    await made.ended(id)
    await expect.poll(() => made.happened).toContain('ack add')
    expect(made.happened.indexOf('put callback')).toBeLessThan(made.happened.indexOf('ack add'))
  })

  test('have the same ids when the message comes again', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('add', [1, 2], { callbacks: [sig('note'), sig('note', [5], {}, true)] })
    await expect.poll(() => made.called('note').length).toBe(2)
    await made.start('add', [1, 2], { callbacks: [sig('note'), sig('note', [5], {}, true)] }, { id })
    await expect.poll(() => made.called('note').length).toBe(4)
    const ids = made.called('note').map((seen) => seen.id)
    expect(new Set(ids).size).toBe(2)
  })
})

describe('a chain', () => {
  const steps = [sig('add', [100], { task_id: 'third' }), sig('add', [10], { task_id: 'second' })]

  test('goes on with its last element, which is the next', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('add', [1, 2], { chain: steps })
    expect(await made.ended('third')).toMatchObject({ result: { text: '113' } })
    expect(made.seen.map((seen) => [seen.id, seen.parentId, seen.rootId])).toEqual([
      [id, null, id],
      ['second', id, id],
      ['third', 'second', id],
    ])
  })

  test('that breaks tells all who wait for a later step, and calls back once', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('fail', [], { chain: steps, errbacks: [sig('note')] })
    for (const step of [id, 'second', 'third']) {
      expect(await made.ended(step)).toMatchObject({ state: 'FAILURE' })
      expect(await made.ending(step)).toMatchObject({ excType: 'TypeError', args: ['boom'] })
    }
    await expect.poll(() => made.called('note')).toMatchObject([{ args: [id], parentId: id, rootId: id }])
  })

  test('of which a step is revoked or has expired ends as well', async () => {
    await using made = new Canvas()
    await made.worker()
    await made.start('add', [1, 2], { chain: steps, errbacks: [sig('note')] }, { expires: '2020-01-01T00:00:00Z' })
    expect(await made.ended('third')).toMatchObject({ state: 'REVOKED' })
    await expect.poll(() => made.called('note').length).toBe(1)
  })

  test('has groups and chains as steps', async () => {
    await using made = new Canvas()
    await made.worker()
    const group = {
      ...signature('celery.group', [], { tasks: [sig('add', [1]), sig('add', [2])] }),
      subtask_type: 'group',
    }
    await made.start('add', [1, 2], { chain: [sig('sum', [], { task_id: 'end' }), group] })
    expect(await made.ended('end')).toMatchObject({ result: { text: '9' } })
  })

  test('whose next step cannot be sent is a failure', async () => {
    await using made = new Canvas()
    await made.worker()
    made.app.task('grow', () => 'x'.repeat(15 * 2 ** 20))
    made.app.task('show', (_x: unknown, _y: unknown) => 1)
    const id = await made.start('grow', [], { chain: [sig('show', ['y'.repeat(2 ** 20)], { task_id: 'end' })] })
    expect(await made.ended('end')).toMatchObject({ state: 'FAILURE' })
    expect(await made.ended(id)).toMatchObject({ state: 'FAILURE' })
  })
})

describe('error callbacks', () => {
  test('that take more than the id are told request, error and traceback; others the id', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('fail', [], { errbacks: [sig('onError'), sig('note'), sig('note', [1], {}, true)] })
    await expect.poll(() => made.seen.length).toBe(4)
    const about = expect.objectContaining({ id, task: 'fail', rootId: id }) as unknown
    const error = { exc_type: 'TypeError', exc_message: ['boom'], exc_module: 'builtins' }
    expect(made.called('onError')).toMatchObject([{ args: [about, error, expect.stringContaining('boom')] }])
    expect(made.called('note').map((seen) => seen.args)).toEqual(expect.arrayContaining([[id], [1]]))
  })

  test('are called for a task that nobody knows', async () => {
    await using made = new Canvas()
    await made.worker()
    const id = await made.start('nobody', [], { errbacks: [sig('note')] })
    await expect.poll(() => made.called('note'), { timeout: 60_000 }).toMatchObject([{ args: [id] }])
  })
})

describe('a chord', () => {
  const member = { group: 'g1', chord: sig('sum', [], { task_id: 'body' }) }

  const begin = async (made: Canvas, tasks: readonly string[], body: Signature = member.chord): Promise<void> => {
    const chords = await made.app.canvas.chords('A test')
    await chords.open('g1', tasks.length)
    for (const [groupIndex, task] of tasks.entries()) {
      await made.start(
        task,
        task === 'add' ? [groupIndex, 10] : [],
        { chord: body },
        { group: 'g1', groupIndex, id: `m${groupIndex}` },
      )
    }
  }

  test('runs its body once, with what its members came to, in their order', async () => {
    await using made = new Canvas()
    await made.worker()
    await begin(made, ['add', 'add', 'add'])
    expect(await made.ended('body')).toMatchObject({ result: { text: '33' } })
    expect(made.called('sum')).toMatchObject([{ args: [[10, 11, 12]], rootId: expect.stringMatching(/^m\d$/) }])
  })

  test('of which a member fails ends with ChordError, and its body calls back', async () => {
    await using made = new Canvas()
    await made.worker()
    const body = sig('sum', [], {
      task_id: 'body',
      link_error: [sig('note')],
      chain: [sig('add', [1], { task_id: 'after' })],
    })
    await begin(made, ['add', 'fail', 'add'], body)
    expect(await made.ended('body')).toMatchObject({ state: 'FAILURE' })
    expect(await made.ending('after')).toEqual({
      state: 'FAILURE',
      excType: 'ChordError',
      args: ["Dependency m1 raised TypeError('boom')"],
    })
    await expect.poll(() => made.called('note')).toMatchObject([{ args: ['body'] }])
    expect(made.called('sum')).toEqual([])
  })

  test('counts a member once, however often it comes', async () => {
    await using made = new Canvas()
    await made.worker()
    const chords = await made.app.canvas.chords('A test')
    await chords.open('g1', 2)
    await made.start('add', [1, 1], { chord: member.chord }, { group: 'g1', groupIndex: 0, id: 'm0' })
    await made.start('add', [1, 1], { chord: member.chord }, { group: 'g1', groupIndex: 0, id: 'm0' })
    await expect.poll(() => made.called('add').length).toBe(2)
    await made.start('add', [2, 2], { chord: member.chord }, { group: 'g1', groupIndex: 1, id: 'm1' })
    expect(await made.ended('body')).toMatchObject({ result: { text: '6' } })
  })

  test('that nothing can count ends, and says so', async () => {
    await using made = new Canvas()
    const { backend } = await made.app.client()
    await made.worker()
    Object.defineProperty(made.app.canvas, 'chordsOf', { value: async () => undefined })
    await made.start('add', [1, 1], { chord: member.chord }, { group: 'g1', groupIndex: 0 })
    await made.ended('body')
    expect((await backend.get('body'))?.state).toBe('FAILURE')
    expect((await made.ending('body')).args[1]).toBe('CANVAS_UNSUPPORTED')
  })
})
