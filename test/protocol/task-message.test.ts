import { describe, expect, test } from 'vitest'
import { WireValue, type HeaderValue, type Headers } from '../../src/protocol/headers.ts'
import type { Message } from '../../src/protocol/message.ts'
import { NO_EMBED, signature } from '../../src/protocol/signature.ts'
import { encodeBody, encodeTask, newRequest, readBody, readTask, retryOf } from '../../src/protocol/task-message.ts'

function message(headers: Headers, more: Partial<Message> = {}): Message {
  return {
    headers,
    body: encodeBody([], {}),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    ...more,
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('a new request', () => {
  test('has the defaults of a Celery client', () => {
    const { headers, ...properties } = encodeTask(newRequest({ id: 'i', task: 't' }))
    expect(headers).toEqual({
      lang: 'js',
      task: 't',
      id: 'i',
      shadow: null,
      eta: null,
      expires: null,
      group: null,
      group_index: null,
      retries: 0,
      timelimit: [null, null],
      root_id: 'i',
      parent_id: null,
      argsrepr: '()',
      kwargsrepr: '{}',
      origin: '',
      ignore_result: false,
      replaced_task_nesting: 0,
      stamped_headers: null,
      stamps: {},
    })
    expect(properties).toEqual({
      body: new Uint8Array(),
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      priority: 0,
      correlationId: 'i',
      replyTo: '',
    })
  })

  test('takes delivery mode and expiration, and leaves the priority out where there is none', () => {
    const request = newRequest({ id: 'i', task: 't', priority: undefined })
    expect(encodeTask(request, { deliveryMode: 1, expirationMs: 0 })).toMatchObject({
      deliveryMode: 1,
      expirationMs: 0,
    })
    expect(encodeTask(request)).not.toHaveProperty('priority')
    expect(encodeTask(request)).not.toHaveProperty('expirationMs')
  })

  test('has custom headers after those of Celery, and the compression last', () => {
    const custom = { 'x-lovage-starts': 1, tenant: 'a' }
    const request = newRequest({ id: 'i', task: 't', custom, compression: 'application/x-gzip' })
    expect(Object.keys(encodeTask(request).headers).slice(-4)).toEqual([
      ...['stamps', 'x-lovage-starts', 'tenant', 'compression'],
    ])
  })
})

describe('headers', () => {
  test('may all be missing but for id and task', () => {
    const request = readTask(message({ task: 't', id: 'i' }))
    expect(request).toEqual({
      ...newRequest({ id: 'i', task: 't', body: encodeBody([], {}) }),
      ...{ lang: '', argsrepr: '', kwargsrepr: '', priority: undefined },
    })
  })

  test('may all be null but for id and task', () => {
    const { headers } = encodeTask(newRequest({ id: 'i', task: 't' }))
    const nulls = Object.fromEntries(Object.keys(headers).map((name) => [name, null]))
    expect(readTask(message({ ...nulls, task: 't', id: 'i' }))).toEqual(readTask(message({ task: 't', id: 'i' })))
  })

  test('are read whatever their wire types are', () => {
    const headers: Headers = {
      task: 't',
      id: 'i',
      retries: new WireValue('l', 3n),
      group_index: new WireValue('s', 2),
      timelimit: [new WireValue('d', 30), new WireValue('B', 20)],
      ignore_result: 1,
      stamps: { a: new WireValue('d', 1) },
    }
    const request = readTask(message(headers))
    expect(request).toMatchObject({ retries: 3, groupIndex: 2, timelimit: [30, 20], ignoreResult: true })
    expect(encodeTask(request).headers.stamps).toEqual({ a: new WireValue('d', 1) })
  })

  test("that are not Celery's pass through with their wire types, whatever they are called", () => {
    const custom = JSON.parse('{"__proto__": 1, "constructor": "c", "x_list": [1]}') as Headers
    const headers = { task: 't', id: 'i', ...custom, x_float: new WireValue('d', 1) }
    const written = encodeTask(readTask(message(headers))).headers
    for (const name of ['__proto__', 'constructor', 'x_list', 'x_float']) {
      expect(Object.getOwnPropertyDescriptor(written, name)?.value).toEqual(
        Object.getOwnPropertyDescriptor(headers, name)?.value,
      )
    }
  })

  const garbage: readonly HeaderValue[] = [
    ...[true, 1.5, -1, 7n, NaN, 'text', new Uint8Array([1]), [], ['a', 1], {}, { a: { b: 1 } }, 2n ** 63n],
    ...[new WireValue('D', { digits: 15, scale: 1 }), new WireValue('T', 2n ** 60n), new WireValue('f', NaN)],
  ]
  const names = Object.keys(encodeTask(newRequest({ id: 'i', task: 't', compression: 'c' })).headers)

  test.each(names)('%s of a wrong type is named, or read as what it means', (name) => {
    const refused = garbage.filter((value) => {
      try {
        readTask(message({ task: 't', id: 'i', [name]: value }))
        return false
      } catch (error) {
        expect(error).toMatchObject({
          code: 'MESSAGE_INVALID',
          message: expect.stringContaining(`header ${name} is`) as string,
        })
        return true
      }
    })
    // No header takes half of them.
    expect(refused.length).toBeGreaterThan(garbage.length / 2)
  })

  test.each<[Headers]>([[{ task: 't' }], [{ task: 't', id: '' }], [{ task: 't', id: null }]])(
    'without an id are refused',
    (headers) => {
      expect(() => readTask(message(headers))).toThrow(
        'The message is not a task message: header id is missing or empty',
      )
    },
  )

  test.each(['eta', 'expires'])('%s that is no time is refused, an empty one is none', (name) => {
    expect(() => readTask(message({ task: 't', id: 'i', [name]: 'soon' }))).toThrow(
      `header ${name} is not an ISO 8601 time`,
    )
    expect(readTask(message({ task: 't', id: 'i', [name]: '' }))).toMatchObject({ [name]: null })
  })

  test('without a correlation id the task id stands for it', () => {
    expect(readTask(message({ task: 't', id: 'i' })).correlationId).toBe('i')
    expect(readTask(message({ task: 't', id: 'i' }, { correlationId: 'c' })).correlationId).toBe('c')
  })
})

describe('bodies', () => {
  test('are written with all four members of the embed', () => {
    const embed = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}'
    expect(text(encodeBody([1, 'é'], { k: null }))).toBe(`[[1, "\\u00e9"], {"k": null}, ${embed}]`)
  })

  test('name the place of what cannot be written', () => {
    expect(() => encodeBody([1, { a: NaN }], {})).toThrow('The value at $.args[1].a cannot be encoded: it is NaN')
    expect(() => encodeBody([], { f: () => 1 })).toThrow('The value at $.kwargs.f cannot be encoded')
    const embed = { ...NO_EMBED, callbacks: [signature('t', [new Map()])] }
    expect(() => encodeBody([], {}, embed)).toThrow('The value at $.embed.callbacks[0].args[0] cannot be encoded')
  })

  test('carry dates and bytes to the other side', () => {
    const args = [new Date(5), new Uint8Array([1, 255])]
    expect(readBody(newRequest({ id: 'i', task: 't', body: encodeBody(args, {}) })).args).toEqual(args)
    const plain = encodeBody([new Date(0)], {}, NO_EMBED, { types: 'plain' })
    expect(readBody(newRequest({ id: 'i', task: 't', body: plain })).args).toEqual(['1970-01-01T00:00:00Z'])
  })

  test('have signatures read, with what is missing filled in and what is new kept', () => {
    const body = Buffer.from('[[], {}, {"callbacks": {"task": "a"}, "chain": [{"task": "b", "chord_size": 2}]}]')
    expect(readBody(newRequest({ id: 'i', task: 't', body })).embed).toEqual({
      callbacks: [signature('a')],
      errbacks: null,
      chain: [{ ...signature('b'), chord_size: 2 }],
      chord: null,
    })
  })

  test.each([
    ['', 'BODY_UNDECODABLE'],
    ['[[], {}', 'BODY_UNDECODABLE'],
    ['null', 'BODY_UNDECODABLE'],
    ['{}', 'BODY_UNDECODABLE'],
    ['[[], {}]', 'BODY_UNDECODABLE'],
    ['[[], {}, 1]', 'BODY_UNDECODABLE'],
    ['[[], {}, {"callbacks": [1]}]', 'BODY_UNDECODABLE'],
    ['[[], {}, {"chord": {"task": 1}}]', 'BODY_UNDECODABLE'],
    ['[[], {}, {"chain": [{"task": "a", "args": {}}]}]', 'BODY_UNDECODABLE'],
    ['[[], {}, {"chain": [{"task": "a", "kwargs": []}]}]', 'BODY_UNDECODABLE'],
    ['[[], {}, {"chain": [{"task": "a", "options": 1}]}]', 'BODY_UNDECODABLE'],
    ['[1, {}, {}]', 'ARGUMENTS_INVALID'],
    ['[{}, {}, {}]', 'ARGUMENTS_INVALID'],
    ['[[], [], {}]', 'ARGUMENTS_INVALID'],
    ['[[], null, {}]', 'ARGUMENTS_INVALID'],
  ])('%s is %s', (body, code) => {
    const request = newRequest({ id: 'i', task: 't', body: Buffer.from(body) })
    expect(() => readBody(request)).toThrow(expect.objectContaining({ code }))
  })
})

describe('a retry', () => {
  const first = newRequest({
    ...{ id: 'i', task: 't', eta: '2030-01-01T00:00:00', expires: '2031-01-01T00:00:00', replyTo: 'r', priority: 3 },
    body: encodeBody([1], {}),
  })

  test('is the same task once more, with its bytes, its own child', () => {
    const again = retryOf(first, { eta: '2030-01-02T00:00:00' })
    expect(again).toEqual({ ...first, retries: 1, eta: '2030-01-02T00:00:00', parentId: 'i' })
    expect(again.body).toBe(first.body)
  })

  test('keeps the parent that it has, or takes the one given', () => {
    expect(retryOf({ ...first, parentId: 'p' }, { eta: null }).parentId).toBe('p')
    expect(retryOf(first, { eta: null, parentId: 'q' }).parentId).toBe('q')
    expect(retryOf(retryOf(first, { eta: null }), { eta: null })).toMatchObject({ retries: 2, parentId: 'i' })
  })
})
