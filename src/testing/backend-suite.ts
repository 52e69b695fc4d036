import type { ResultBackend } from '../backend/backend.ts'
import { isLovageError } from '../base/errors.ts'
import { type Outcome, payloadValue } from '../protocol/outcome.ts'
import { within } from './broker/scene.ts'
import type { SuiteRunner } from './runner.ts'

/** Two backends, not started, that meet in one place: the one of a client, and the one of a worker. */
export interface BackendPair {
  readonly client: ResultBackend
  readonly worker: ResultBackend
  /** Ends what the two stand on; called after both are stopped. */
  end(): Promise<void>
}

/** Makes the pair. Results of one test must not be seen in another. */
export type OpenPair = (options: { maxPendingResults?: number }) => Promise<BackendPair>

/** The outcome of a task that returned `value`. */
export function success(id: string, value: unknown): Outcome {
  return { id, state: 'SUCCESS', result: { value }, traceback: null }
}

/** An outcome that is not final. */
export function told(id: string, state: string, meta: unknown): Outcome {
  return { id, state, result: { value: meta }, traceback: null }
}

const FAILED = { exc_type: 'ValueError', exc_message: ['no', 3], exc_module: 'builtins' }

function failure(id: string): Outcome {
  return { id, state: 'FAILURE', result: { value: FAILED }, traceback: 'Traceback: line 1' }
}

/** What holds for every kind of result backend. */
export function backendSuite({ test, expect }: SuiteRunner, open: OpenPair): void {
  interface Scene {
    readonly client: ResultBackend
    readonly worker: ResultBackend
    /** Sends the outcome to where the client expects it. */
    put(outcome: Outcome): Promise<void>
    /** Resolves when everything put so far has reached the client. */
    reached(): Promise<void>
  }

  const scene = (
    name: string,
    play: (scene: Scene) => Promise<void>,
    options: { maxPendingResults?: number } = {},
  ): void => {
    test(name, async () => {
      const { client, worker, end } = await open(options)
      let fences = 0
      const put = (outcome: Outcome): Promise<void> =>
        worker.put(outcome, { replyTo: client.replyTo ?? '', correlationId: outcome.id })
      const reached = async (): Promise<void> => {
        const id = `fence-${++fences}`
        const fence = await client.expect(id)
        await put(success(id, null))
        await within('what was put reaches the client', fence.done)
        fence.close()
      }
      try {
        await Promise.all([client.start(), worker.start()])
        await play({ client, worker, put, reached })
      } finally {
        await within('the backends stop', Promise.all([client.stop(), worker.stop()]))
        await end()
      }
    })
  }

  const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
    const thrown: unknown = await within(
      'it fails',
      promise.then(
        () => 'it did not fail',
        (error: unknown) => error,
      ),
    )
    return isLovageError(thrown) ? thrown.code : thrown
  }

  scene('an outcome that is expected arrives with its value', async ({ client, put }) => {
    const expectation = await client.expect('a')
    await put(success('a', { text: 'grüße, 世界 \u{1f600}', list: [1, 2.5, null, true], big: 2n ** 70n }))
    const outcome = await within('it arrives', expectation.done)
    expect(outcome).toMatchObject({ id: 'a', state: 'SUCCESS', traceback: null })
    expect(payloadValue(outcome.result)).toEqual({
      text: 'grüße, 世界 \u{1f600}',
      list: [1, 2.5, null, true],
      big: 2n ** 70n,
    })
  })

  scene('a failure arrives with its exception, traceback and children', async ({ client, put }) => {
    const expectation = await client.expect('f')
    await put({ ...failure('f'), children: [[['child', null], null]] })
    const outcome = await within('it arrives', expectation.done)
    expect(outcome).toMatchObject({ state: 'FAILURE', traceback: 'Traceback: line 1' })
    expect(outcome.children).toEqual([[['child', null], null]])
    expect(payloadValue(outcome.result)).toEqual(FAILED)
  })

  scene('how long the task ran comes along, where the worker told', async ({ client, put }) => {
    const [told, silent] = [await client.expect('r'), await client.expect('s')]
    await put({ ...success('r', 1), runMs: 12.5 })
    await put(success('s', 2))
    expect((await within('it arrives', told.done)).runMs).toBe(12.5)
    expect((await within('it arrives', silent.done)).runMs).toBeUndefined()
  })

  scene('a result that is JSON text already passes as it is', async ({ client, put }) => {
    const expectation = await client.expect('t')
    await put({ id: 't', state: 'SUCCESS', result: { text: '{"n": [1, 2]}' }, traceback: null })
    expect(payloadValue((await within('it arrives', expectation.done)).result)).toEqual({ n: [1, 2] })
  })

  scene(
    'a result that cannot be written is refused with its path, and nothing arrives',
    async ({ client, put, reached }) => {
      const expectation = await client.expect('u')
      expect(await codeOf(put(success('u', { at: [() => 1] })))).toBe('ENCODE_FAILED')
      await reached()
      expect(expectation.latest).toBeUndefined()
    },
  )

  scene('the first final outcome counts, and what comes after changes nothing', async ({ client, put, reached }) => {
    const expectation = await client.expect('once')
    await put(success('once', 1))
    await put(success('once', 2))
    await put(failure('once'))
    await put(told('once', 'STARTED', {}))
    await reached()
    expect(payloadValue((await expectation.done).result)).toBe(1)
    const kept = await client.get('once')
    expect(kept?.state).toBe('SUCCESS')
    expect(payloadValue((kept as Outcome).result)).toBe(1)
  })

  scene('outcomes that are not final are told in order and end no wait', async ({ client, put }) => {
    const expectation = await client.expect('slow')
    const seen: unknown[] = []
    expectation.onUpdate((outcome) => seen.push([outcome.state, payloadValue(outcome.result)]))
    await put(told('slow', 'STARTED', { pid: 1 }))
    await put(told('slow', 'PROGRESS', 0.5))
    await put({ ...failure('slow'), state: 'RETRY' })
    await put(success('slow', 'done'))
    expect(payloadValue((await within('it arrives', expectation.done)).result)).toBe('done')
    expect(seen).toEqual([
      ['STARTED', { pid: 1 }],
      ['PROGRESS', 0.5],
      ['RETRY', FAILED],
    ])
  })

  scene('a listener that has gone is told nothing, and one that throws harms nobody', async ({ client, put }) => {
    const expectation = await client.expect('l')
    let heard = 0
    const off = expectation.onUpdate(() => heard++)
    expectation.onUpdate(() => {
      throw new Error('a listener of mine')
    })
    off()
    await put(told('l', 'PROGRESS', 1))
    await put(success('l', 1))
    await within('it arrives', expectation.done)
    expect(heard).toBe(0)
  })

  scene('who asks late in the same process sees what was kept', async ({ client, put, reached }) => {
    await client.expect('late')
    await put(told('late', 'STARTED', {}))
    await reached()
    expect((await client.get('late'))?.state).toBe('STARTED')
    await put(success('late', 7))
    await reached()
    const late = await client.expect('late')
    expect(late.latest?.state).toBe('SUCCESS')
    expect(payloadValue((await within('it is there', late.done)).result)).toBe(7)
  })

  scene('two who expect the same id both get it, and one may leave', async ({ client, put }) => {
    const [one, two, three] = [await client.expect('s'), await client.expect('s'), await client.expect('s')]
    one.close()
    one.close()
    await put(success('s', 's'))
    expect((await within('the second gets it', two.done)).state).toBe('SUCCESS')
    expect((await within('the third gets it', three.done)).state).toBe('SUCCESS')
  })

  scene('each of many outcomes goes to the one who expects it', async ({ client, put }) => {
    const ids = Array.from({ length: 200 }, (_, index) => `many-${index}`)
    const expectations = await Promise.all(ids.map((id) => client.expect(id)))
    await Promise.all(ids.map((id) => put(success(id, id))))
    const outcomes = await within('all arrive', Promise.all(expectations.map((expectation) => expectation.done)))
    expect(outcomes.map((outcome) => payloadValue(outcome.result))).toEqual(ids)
  })

  scene('nothing is known of an id that was never used', async ({ client }) => {
    expect(await client.get('unheard-of')).toBeUndefined()
  })

  scene('an outcome that nobody wants is no error', async ({ worker }) => {
    await worker.put(success('x', 1), {})
    await worker.put(success('y', 1), { replyTo: '' })
  })

  scene('what was forgotten is not known any more', async ({ client, put, reached }) => {
    const expectation = await client.expect('gone')
    await put(success('gone', 1))
    await reached()
    await client.forget('gone')
    expect(await client.get('gone')).toBeUndefined()
    expect((await expectation.done).state).toBe('SUCCESS')
    await client.forget('gone')
  })

  scene(
    'slots are bounded: a settled one goes first, then the oldest, whose waiter is told',
    async ({ client, put, reached }) => {
      const settled = await client.expect('settled')
      const oldest = await client.expect('oldest')
      await put(success('settled', 1))
      await reached()
      const [second, third] = [await client.expect('second'), await client.expect('third')]
      expect(oldest.latest).toBeUndefined()
      expect((await settled.done).state).toBe('SUCCESS')
      const fourth = await client.expect('fourth')
      expect(await codeOf(oldest.done)).toBe('RESULT_FORGOTTEN')
      for (const id of ['second', 'third', 'fourth']) await put(success(id, id))
      for (const { done } of [second, third, fourth]) expect((await within('it arrives', done)).state).toBe('SUCCESS')
    },
    { maxPendingResults: 3 },
  )

  scene('stopping tells whoever waits, and what is asked later', async ({ client }) => {
    const expectation = await client.expect('w')
    const waiting = codeOf(expectation.done)
    await client.stop()
    expect(await waiting).toBe('BROKER_CLOSED')
    expect(await codeOf(client.expect('later'))).toBe('BROKER_CLOSED')
  })

  scene('it may be started and stopped twice, and used after it was started again', async ({ client, put }) => {
    await client.start()
    await client.stop()
    await client.stop()
    await client.start()
    const expectation = await client.expect('again')
    await put(success('again', 1))
    expect((await within('it arrives', expectation.done)).state).toBe('SUCCESS')
  })
}
