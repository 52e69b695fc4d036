import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, readBody, readTask } from '../../src/protocol/task-message.ts'
import { pack } from '../../src/protocol/compression.ts'
import { capturedTasks, messageOf } from './captured.ts'

const callback = {
  task: 'captasks.callback',
  args: [],
  kwargs: {},
  options: {},
  subtask_type: null,
  immutable: false,
}

function message(body: unknown, headers: Message['headers'] = {}): Message {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    headers,
    body: Buffer.from(text),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    replyTo: 'replies',
  }
}

describe.each(['5.2.6', '5.6.3'] as const)('protocol 1 of a Celery %s client', (version) => {
  const captured = capturedTasks(version).filter(({ case: name }) => name.startsWith('proto1_'))

  test('is here in five messages', () => {
    expect(captured).toHaveLength(5)
  })

  test.each(captured.map((one) => [`${one.case} ${one.index}`, one] as const))('%s is read', (_, one) => {
    const old = JSON.parse(one.body_text as string) as Record<string, unknown>
    const request = readTask(messageOf(one))
    const { id, task, eta, expires, retries, timelimit, taskset, group_index: groupIndex } = old
    expect(request).toMatchObject({
      id,
      task,
      // Beside them it says `utc: true`.
      eta: typeof eta === 'string' ? `${eta}+00:00` : eta,
      expires: typeof expires === 'string' ? `${expires}+00:00` : expires,
      retries,
      timelimit,
      group: taskset,
      groupIndex,
      rootId: id,
    })
    expect(request).toMatchObject({ replyTo: one.properties.reply_to, correlationId: one.properties.correlation_id })
    const { callbacks, errbacks, chord } = old
    expect(readBody(request)).toEqual({
      args: old.args,
      kwargs: old.kwargs,
      // Signatures inside of options stay as they came; those of the embed are whole.
      embed: { callbacks, errbacks, chain: null, chord },
    })
  })

  test('kwargs, limits, times and callbacks of the full case come through', () => {
    const full = captured.find(({ case: name }) => name === 'proto1_full')
    const request = readTask(messageOf(full as (typeof captured)[number]))
    expect(request).toMatchObject({
      argsrepr: '[1]',
      kwargsrepr: "{'y': 2}",
      eta: '2030-01-01T12:00:00+00:00',
      expires: '2030-01-02T00:00:00+00:00',
      timelimit: [9, 8],
      contentType: 'application/json',
      compression: undefined,
      custom: {},
    })
    expect(readBody(request).embed.callbacks).toEqual([callback])
  })
})

describe('a body of protocol 1', () => {
  test('passes on what JavaScript could not write: NaN, big integers, typed objects', () => {
    const text = '{"task": "t", "id": "i", "args": [NaN, 123456789012345678901, {"__type__": "x", "__value__": 1}]}'
    const request = readTask(message(text))
    const embed = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}'
    expect(Buffer.from(request.body).toString()).toBe(
      `[[NaN, 123456789012345678901, {"__type__": "x", "__value__": 1}], {}, ${embed}]`,
    )
  })

  test('may be packed', () => {
    const { body, compression } = pack(Buffer.from('{"task": "t", "id": "i", "args": [1], "kwargs": {}}'))
    const request = readTask({ ...message('', { compression }), body })
    expect(request.compression).toBeUndefined()
    expect(readBody(request).args).toEqual([1])
  })

  test.each([
    ['nothing', '', 'BODY_UNDECODABLE'],
    ['no JSON', '{"task"', 'BODY_UNDECODABLE'],
    ['a list', '[1, 2, {}]', 'MESSAGE_INVALID'],
    ['no task', '{"id": "i"}', 'MESSAGE_INVALID'],
    ['no id', '{"task": "t"}', 'MESSAGE_INVALID'],
    ['retries that are text', '{"task": "t", "id": "i", "retries": "1"}', 'MESSAGE_INVALID'],
    ['an eta that is no time', '{"task": "t", "id": "i", "eta": "soon"}', 'MESSAGE_INVALID'],
  ])('that is %s is refused', (_, text, code) => {
    expect(() => readTask(message(text))).toThrow(expect.objectContaining({ code }))
  })

  test('of another content type is refused by name', () => {
    const yaml = { ...message('task: t'), contentType: 'application/x-yaml' }
    expect(() => readTask(yaml)).toThrow('Content type application/x-yaml is not accepted')
  })

  test('with args that are no list or kwargs that are no object fails when it is read', () => {
    const args = readTask(message({ task: 't', id: 'i', args: 'ab' }))
    expect(() => readBody(args)).toThrow('Task t does not take these arguments: args is not a list')
    const kwargs = readTask(message({ task: 't', id: 'i', kwargs: [1] }))
    expect(() => readBody(kwargs)).toThrow('Task t does not take these arguments: kwargs is not an object')
  })
})

describe('a hybrid of protocols 1 and 2', () => {
  const headers = { task: 'from.header', id: 'h', retries: 2, eta: null }
  const body = { task: 'from.body', id: 'b', args: [1], kwargs: { k: 2 }, retries: 7, expires: '2030-01-01T00:00:00' }

  test('has headers that win over its body, and a body that is rewritten', () => {
    const request = readTask(message(body, headers))
    expect(request).toMatchObject({ task: 'from.header', id: 'h', retries: 2, expires: '2030-01-01T00:00:00+00:00' })
    expect(readBody(request)).toMatchObject({ args: [1], kwargs: { k: 2 } })
  })

  test('that is packed is read with its body', () => {
    const { body: packed, compression } = pack(Buffer.from(JSON.stringify({ ...body, callbacks: [callback] })))
    const request = readTask({ ...message('', { ...headers, compression }), body: packed })
    expect(readBody(request)).toMatchObject({ args: [1], kwargs: { k: 2 }, embed: { callbacks: [callback] } })
  })

  test('with a body that cannot be read keeps its headers, so that the failure has a name', () => {
    const request = readTask(message('{"args": [', headers))
    expect(request.task).toBe('from.header')
    expect(() => readBody(request)).toThrow(expect.objectContaining({ code: 'BODY_UNDECODABLE' }))
  })

  test('is not seen where the body is that of protocol 2', () => {
    const request = readTask({ ...message('', headers), body: encodeBody([{ args: 1 }], {}) })
    expect(readBody(request).args).toEqual([{ args: 1 }])
  })
})
