import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import { Bench } from './bench.ts'

const patience = { timeout: '60s' } as const

/** A worker with one good task, to show that it goes on. */
async function bench(settings: ConstructorParameters<typeof Bench>[0] = {}): Promise<Bench> {
  const made = new Bench(settings)
  made.app.task('add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
  made.app.task('circular', () => {
    const list: unknown[] = [1]
    list.push({ back: list })
    return list
  })
  await made.worker()
  return made
}

/** The worker still works. */
async function livesOn({ app }: Bench): Promise<void> {
  expect(await app.sendTask('add', [2, 3]).get(patience)).toBe(5)
}

describe('bad input ends in an answer or in the dead letters, and the worker goes on', () => {
  test('an undecodable body', async () => {
    await using made = await bench()
    const { id } = await made.publish({ task: 'add', body: Buffer.from('[[1, 2], {}') })
    await expect.poll(() => made.dead()).toMatchObject([{ id, task: 'add', reason: { code: 'BODY_UNDECODABLE' } }])
    expect(await made.ending(id)).toMatchObject({ state: 'FAILURE', args: [expect.anything(), 'BODY_UNDECODABLE'] })
    await livesOn(made)
  })

  test('an unknown content type, and pickle', async () => {
    await using made = await bench()
    const pickle = Buffer.from(
      '\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00]\x94(]\x94(K\x02K\x03e}\x94}\x94e.',
      'latin1',
    )
    const one = await made.publish({
      task: 'add',
      contentType: 'application/x-python-serialize',
      contentEncoding: 'binary',
      body: pickle,
    })
    const two = await made.publish({ task: 'add', contentType: 'image/png' })
    await expect.poll(async () => (await made.dead()).length, { timeout: 60_000 }).toBe(2)
    for (const { id } of [one, two]) {
      expect(await made.ending(id)).toMatchObject({ state: 'FAILURE', args: [expect.anything(), 'CONTENT_REFUSED'] })
    }
    expect((await made.dead()).map(({ reason }) => reason.code)).toEqual(['CONTENT_REFUSED', 'CONTENT_REFUSED'])
    expect(Buffer.from((await made.dead())[0]?.message.body ?? [])).toEqual(pickle)
    await livesOn(made)
  })

  test('an unknown task', async () => {
    await using made = await bench()
    const { id } = await made.publish({ task: 'py.train' })
    // The other workers are asked before, and there is none that would answer.
    await expect.poll(() => made.dead(), { timeout: 60_000 }).toMatchObject([{ id, reason: { code: 'TASK_UNKNOWN' } }])
    expect(await made.ending(id)).toEqual({ state: 'FAILURE', excType: 'NotRegistered', args: ['py.train'] })
    await livesOn(made)
  })

  test('a wrong number of arguments, and arguments nobody has, from a client that does not know better', async () => {
    const broker = `memory://${randomUUID()}`
    await using made = await bench({ broker })
    const client = lovage('client', { broker }, { env: {} })
    for (const [args, kwargs, problem] of [
      [[1], {}, 'y is missing'],
      [[1, 2, 3], {}, 'got 3'],
      [[1], { z: 2 }, 'no parameter z'],
      [[1, 2], { y: 2 }, 'twice'],
    ] as const) {
      await expect(client.sendTask('add', args, kwargs).get(patience)).rejects.toMatchObject({
        excArgs: [expect.stringContaining(problem), 'ARGUMENTS_INVALID'],
      })
    }
    await client.close()
    expect(await made.dead()).toEqual([])
    await livesOn(made)
  })

  test('a circular result: the error names the path', async () => {
    await using made = await bench()
    await expect(made.app.sendTask('circular').get(patience)).rejects.toMatchObject({
      excType: 'EncodeError',
      excModule: 'kombu.exceptions',
      message: expect.stringContaining('$[1].back'),
    })
    await livesOn(made)
  })

  test('10 MB against a limit of 1 MB', async () => {
    const broker = `memory://${randomUUID()}`
    await using made = await bench({ broker, maxMessageBytes: 2 ** 20 })
    const generous = lovage('generous', { broker }, { env: {} })
    const sent = await generous.sendTask('add', ['x'.repeat(10 * 2 ** 20)])
    await expect(sent.get(patience)).rejects.toMatchObject({ excArgs: [expect.anything(), 'MESSAGE_TOO_LARGE'] })
    await expect.poll(() => made.dead()).toMatchObject([{ id: sent.id, reason: { code: 'MESSAGE_TOO_LARGE' } }])
    expect((await made.dead())[0]?.message.body.byteLength).toBeGreaterThan(10 * 2 ** 20)
    await generous.close()
    await livesOn(made)
  })

  test('a message that is nothing like a task', async () => {
    await using made = await bench()
    const body = Buffer.from('hello')
    await made.send({ headers: {}, body, contentType: '', contentEncoding: '', deliveryMode: 1 })
    await expect.poll(async () => (await made.dead()).length).toBe(1)
    await livesOn(made)
  })
})

describe('a task that expires', () => {
  test('before it comes is revoked', async () => {
    await using made = await bench()
    const { id } = await made.publish({ task: 'add', expires: '2020-01-01T00:00:00Z' }, [1, 2])
    await expect
      .poll(() => made.ending(id))
      .toEqual({ state: 'REVOKED', excType: 'TaskRevokedError', args: ['expired'] })
    expect(made.logged('task done')).toMatchObject([{ state: 'REVOKED' }])
    expect(await made.dead()).toEqual([])
  })
})

test('dead letters that cannot be written yet wait, unacknowledged', async () => {
  await using made = await bench()
  const { broker } = await made.app.client()
  const publish = broker.publish.bind(broker)
  let refusals = 2
  broker.publish = async (message, to, options) => {
    if (to.routingKey === 'celery.dead' && refusals-- > 0) throw new Error('not now')
    return publish(message, to, options)
  }
  await made.publish({ task: 'nobody' })
  await made.send({ headers: {}, body: Buffer.from('{'), contentType: '', contentEncoding: '', deliveryMode: 1 })
  await expect.poll(async () => (await made.dead()).length, { timeout: 60_000 }).toBe(2)
  expect(made.logged('message could not be moved to the dead letters')).toHaveLength(2)
})

test('the dead letters have the limits of the settings', async () => {
  await using made = await bench({ deadLetterMax: 3 })
  for (let index = 0; index < 5; index++) await made.publish({ task: `nobody.${index}` })
  await expect.poll(() => made.logged('task done').length, { timeout: 60_000 }).toBe(5)
  expect((await made.dead()).map(({ task }) => task)).toEqual(['nobody.2', 'nobody.3', 'nobody.4'])
})
