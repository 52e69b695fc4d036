import { describe, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { celerys, namesOf, VERSIONS } from '../fleet/celerys.ts'
import { Watch } from '../fleet/watching.ts'
import { Bench } from '../worker/bench.ts'

describe('a client that tells what it sends', () => {
  test.each(VERSIONS)('tells it as clients of Celery %s do', async (version) => {
    await using bench = new Bench({ sendSentEvent: true })
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    // Of somebody else: it hears what the application tells at its end.
    const broker = openBroker(bench.app.settings.broker)
    await broker.start()
    await using watch = await Watch.start(broker)
    const { id } = await add.delay(2, 3)
    const event = await watch.event('task-sent', id)
    expect(event.fields).toEqual({
      uuid: id,
      root_id: id,
      parent_id: null,
      name: 'add',
      args: '(2, 3)',
      kwargs: '{}',
      retries: 0,
      eta: null,
      expires: null,
      queue: 'celery',
      exchange: '',
      routing_key: 'celery',
    })
    expect(event.hostname).toMatch(new RegExp(`^gen${process.pid}@`))
    const theirs = celerys(version).get('task-sent')?.map(namesOf)
    expect(theirs).toContainEqual(namesOf(event))
    // What was sent last is told before the process goes.
    const last = await add.delay(1, 1)
    await bench.app.close()
    await watch.event('task-sent', last.id)
    await broker.stop()
  })

  test('tells all that it sends at once, the very first too', async () => {
    await using bench = new Bench({ sendSentEvent: true })
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const { broker } = await bench.app.client()
    await using watch = await Watch.start(broker)
    const sent = await Promise.all(Array.from({ length: 500 }, (_, at) => add.delay(at, at)))
    await watch.event('task-sent', sent.at(-1)?.id as string)
    expect(new Set(watch.of('task-sent').map(({ fields }) => fields['uuid']))).toEqual(
      new Set(sent.map(({ id }) => id)),
    )
  })

  test('tells nothing unless it is asked to', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const { broker } = await bench.app.client()
    await using watch = await Watch.start(broker)
    await bench.worker({ events: true })
    const { id } = await add.delay(2, 3)
    await watch.event('task-succeeded', id)
    expect(watch.of('task-sent')).toEqual([])
  })
})
