import { failureIn, type PoolSuiteContext } from './scene.ts'

/** What goes wrong is an outcome that says what. */
export function failureTests({ scene, expect }: PoolSuiteContext): void {
  scene('an error that is thrown is a failure with type, message and traceback', async (pool) => {
    const outcome = await pool.run('fail', ['sold out'])
    expect(outcome.state).toBe('FAILURE')
    expect(failureIn(outcome)).toEqual({ exc_type: 'OrderError', exc_message: ['sold out'], exc_module: 'lovage' })
    expect(outcome.traceback).toMatch(/OrderError: sold out\n\s+at .*tasks/)
    expect(outcome.traceback).toMatch(/the cause/)
    expect(outcome.dead).toBeUndefined()
  })

  scene("JavaScript's own errors are Python's", async (pool) => {
    const outcome = await pool.run('fail-later', ['too far'])
    expect(failureIn(outcome)).toEqual({ exc_type: 'ValueError', exc_message: ['too far'], exc_module: 'builtins' })
  })

  scene('what is thrown need not be an error', async (pool) => {
    const outcome = await pool.run('throw-text')
    expect(outcome.state).toBe('FAILURE')
    expect(failureIn(outcome).exc_message).toEqual(['only text'])
  })

  scene('a circular result is a failure that names the path', async (pool) => {
    const outcome = await pool.run('circular')
    expect(outcome.state).toBe('FAILURE')
    const { exc_type, exc_module, exc_message } = failureIn(outcome)
    expect([exc_module, exc_type]).toEqual(['kombu.exceptions', 'EncodeError'])
    expect(exc_message[0]).toMatch(/\$\.lines\[1\]\.order/)
  })

  scene('so is a result with a value that JSON has no form for', async (pool) => {
    expect(failureIn(await pool.run('not-a-number')).exc_message[0]).toMatch(/\$\.sum/)
  })

  scene('progress that cannot be encoded is thrown to the task, with the path', async (pool) => {
    const { outcome, updates } = pool.start('progress-unencodable')
    expect(failureIn(await outcome).exc_message[0]).toMatch(/\$\.at\[0\]/)
    expect(updates.length).toBe(0)
  })

  scene('a task cannot report the state of an end', async (pool) => {
    const { outcome, updates } = pool.start('claims-success')
    expect(failureIn(await outcome).exc_message[1]).toBe('OPTION_INVALID')
    expect(updates.length).toBe(0)
  })

  scene('arguments that do not fit are a failure, and the function is not called', async (pool) => {
    for (const args of [[1], [1, 2, 3]]) {
      const outcome = await pool.run('add', args)
      expect(outcome.state).toBe('FAILURE')
      expect(failureIn(outcome).exc_message[1]).toBe('ARGUMENTS_INVALID')
      expect(outcome.dead).toBeUndefined()
    }
    expect(failureIn(await pool.run('named', [1], { kwargs: { z: 2 } })).exc_message[0]).toMatch(/z/)
  })

  scene('a task that is not here is NotRegistered, as Celery calls it', async (pool) => {
    const outcome = await pool.run('nobody.knows')
    expect(failureIn(outcome)).toEqual({
      exc_type: 'NotRegistered',
      exc_message: ['nobody.knows'],
      exc_module: 'celery.exceptions',
    })
  })

  scene('a body that cannot be read is a failure for the dead letters', async (pool) => {
    const bodies = [
      '',
      '{',
      '[1, 2]',
      '[[], {}',
      '[[1,2],{},{}]extra',
      '\u0000',
      '[[NaNN], {}, {}]',
      'null',
      '{"a": 1}',
    ]
    for (const body of bodies) {
      const outcome = await pool.run('add', [], { body: new TextEncoder().encode(body) })
      expect(outcome.state, body).toBe('FAILURE')
      expect(outcome.dead?.code, body).toBe('BODY_UNDECODABLE')
    }
    const notText = await pool.run('add', [], { body: new Uint8Array([0x5b, 0xff, 0xfe, 0x5d]) })
    expect(notText.dead?.code).toBe('BODY_UNDECODABLE')
    const notPacked = await pool.run('add', [], { compression: 'application/x-gzip' })
    expect(notPacked.dead?.code).toBe('BODY_UNDECODABLE')
  })

  scene('a body that unpacks to more than the limit is one too', async (pool) => {
    const outcome = await pool.run('echo', [], { body: BOMB, compression: 'application/x-gzip' })
    expect(outcome.dead?.code).toBe('BODY_UNDECODABLE')
  })

  scene('pickle is never read, nor is anything else that is not accepted', async (pool) => {
    for (const contentType of [
      'application/x-python-serialize',
      'application/x-msgpack',
      'application/x-yaml',
      'text/plain',
      '',
    ]) {
      const outcome = await pool.run('add', [1, 2], { contentType })
      expect(outcome.state, contentType).toBe('FAILURE')
      expect(outcome.dead?.code, contentType).toBe('CONTENT_REFUSED')
    }
  })

  scene('args and kwargs of the wrong kind are arguments that do not fit', async (pool) => {
    for (const body of ['[{}, {}, {}]', '[[], [], {}]', '[1, null, null]']) {
      const outcome = await pool.run('add', [], { body: new TextEncoder().encode(body) })
      expect(failureIn(outcome).exc_message[1], body).toBe('ARGUMENTS_INVALID')
    }
  })

  scene('what follows a task comes with its outcome', async (pool) => {
    const next = { task: 'echo', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
    const none = { callbacks: null, errbacks: null, chain: null, chord: null }
    for (const embed of [{ chain: [next] }, { callbacks: [next] }, { errbacks: [next] }, { chord: next }]) {
      expect(await pool.run('add', [1, 2], { embed: { ...none, ...embed } })).toMatchObject({
        state: 'SUCCESS',
        embed: { ...none, ...embed },
      })
      expect((await pool.run('fail', ['once'], { embed: { ...none, ...embed } })).embed).toEqual({ ...none, ...embed })
    }
    const empty = await pool.run('add', [1, 2], { embed: { callbacks: [], errbacks: [], chain: [], chord: null } })
    expect(empty.state).toBe('SUCCESS')
    expect(empty.embed).toBeUndefined()
  })

  scene('a failure leaves nothing behind: the next task runs', async (pool) => {
    await pool.run('fail', ['once'])
    expect(pool.pool.running).toBe(0)
    expect((await pool.run('add', [1, 2])).state).toBe('SUCCESS')
  })
}

/** zlib of a list of one text of 200,000 spaces, and so on. */
const BOMB = Uint8Array.from(
  atob(
    'eNrtw7EJADAIALBXxLkfiZdIfy89wT2BVGUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGvZJ+b+/QB8xLHs',
  ),
  (char) => char.charCodeAt(0),
)
