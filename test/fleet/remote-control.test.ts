import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { Asker } from '../../src/fleet/ask.ts'
import { LamportClock } from '../../src/fleet/lamport.ts'
import { Mailbox, type MailboxOptions } from '../../src/fleet/mailbox.ts'
import { Pidbox } from '../../src/fleet/pidbox.ts'
import { readReply } from '../../src/protocol/control.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { textMessage } from '../../src/testing/broker/scene.ts'

const pidbox = new Pidbox()
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function open(clock = systemClock): Promise<Broker> {
  const broker = openBroker(`memory://${randomUUID()}`, { clock })
  await broker.start()
  ends.push(() => broker.stop())
  return broker
}

function logged(): LogRecord[] {
  const records: LogRecord[] = []
  ends.push(onLog((record) => void records.push(record)))
  return records
}

async function node(broker: Broker, hostname: string, answer: MailboxOptions['answer']): Promise<LamportClock> {
  const lamport = new LamportClock()
  const mailbox = new Mailbox({ broker, hostname, lamport, pidbox, answer })
  ends.push(() => mailbox.stop())
  await mailbox.start()
  return lamport
}

function asker(broker: Broker, clock = systemClock): { asker: Asker; lamport: LamportClock } {
  const lamport = new LamportClock()
  return { lamport, asker: new Asker({ broker: async () => broker, clock, lamport, pidbox }) }
}

const pong = (): unknown => ({ ok: 'pong' })
const LONG = { timeoutMs: 20_000 }

describe('a question to nodes', () => {
  test('is answered by all of them, or by those that it names, or by those whose names it matches', async () => {
    const broker = await open()
    for (const name of ['a@one', 'b@one', 'c@two']) await node(broker, name, pong)
    const { asker: who } = asker(broker)
    const names = async (...ask: Parameters<Asker['ask']>): Promise<string[]> =>
      (await who.ask(...ask)).map(({ hostname }) => hostname).toSorted()
    expect(await names('ping', {}, {}, { ...LONG, limit: 3 })).toEqual(['a@one', 'b@one', 'c@two'])
    // As many answers as there are destinations, and no waiting for more.
    expect(await names('ping', {}, { destination: ['c@two'] }, LONG)).toEqual(['c@two'])
    expect(await names('ping', {}, { pattern: '*@one', matcher: 'glob' }, { ...LONG, limit: 2 })).toEqual([
      'a@one',
      'b@one',
    ])
    expect(await names('ping', {}, { pattern: '^[bc]@', matcher: 'pcre' }, { ...LONG, limit: 2 })).toEqual([
      'b@one',
      'c@two',
    ])
  })

  test('has ended when nobody has answered for its time', async () => {
    const clock = new VirtualClock()
    const broker = await open(clock)
    await node(broker, 'a@one', pong)
    const { asker: who } = asker(broker, clock)
    const seen: unknown[] = []
    const answers = who.ask('ping', {}, {}, { timeoutMs: 1_000, onReply: (reply) => seen.push(reply) })
    await clock.play(999)
    expect(seen).toEqual([{ hostname: 'a@one', value: { ok: 'pong' } }])
    await clock.play(2)
    expect(await answers).toEqual(seen)
    const none = who.ask('ping', {}, { destination: ['nobody@home'] })
    await clock.play(1_001)
    expect(await none).toEqual([])
  })

  test('is told what went wrong, by its text in Python', async () => {
    const broker = await open()
    await node(broker, 'a@one', ({ method }) => {
      if (method === 'type') throw new TypeError("it's wrong")
      if (method === 'big') return { ok: 1n << 70n, not: undefined, bad: Number.NaN }
      return 'never'
    })
    const { asker: who } = asker(broker)
    const records = logged()
    const [failed] = await who.ask('type', {}, { destination: ['a@one'] }, LONG)
    expect(failed?.value).toEqual({ error: 'TypeError("it\'s wrong")' })
    expect(records).toMatchObject([{ level: 'error', room: 'fleet', fields: { command: 'type' } }])
    // What has no form on the wire is an error too, and not silence.
    const [unwritable] = await who.ask('big', {}, { destination: ['a@one'] }, LONG)
    expect(unwritable?.value).toEqual({ error: expect.stringMatching(/^LovageError\(.*ENCODE_FAILED/) })
  })

  test('advances both Lamport clocks, so that each answer is later than its question', async () => {
    const broker = await open()
    const theirs = await node(broker, 'a@one', pong)
    const { asker: who, lamport } = asker(broker)
    lamport.adjust(99)
    await who.ask('ping', {}, { destination: ['a@one'] }, LONG)
    // 100 heard at the asker, sent at 101, heard at 102, answered at 103, heard at 104.
    expect([theirs.value, lamport.value]).toEqual([103, 104])
  })

  test('has all answers, and ends with the last, though who looks at each of them throws', async () => {
    const broker = await open()
    for (const name of ['a@one', 'b@one']) await node(broker, name, pong)
    const { asker: who } = asker(broker)
    const records = logged()
    const onReply = (): never => {
      throw new Error('no such colour')
    }
    const replies = await who.ask('ping', {}, {}, { timeoutMs: 3_600_000, limit: 2, onReply })
    expect(replies.map(({ hostname }) => hostname).toSorted()).toEqual(['a@one', 'b@one'])
    expect(records).toMatchObject([1, 2].map(() => ({ level: 'error', message: 'an answer was not taken' })))
  })

  test('asked twice at a time gets each its own answers', async () => {
    const broker = await open()
    await node(broker, 'a@one', ({ arguments: { n } }) => n)
    const { asker: who } = asker(broker)
    const asked = [1, 2, 3].map((n) => who.ask('echo', { n }, { destination: ['a@one'] }, LONG))
    expect((await Promise.all(asked)).map(([reply]) => reply?.value)).toEqual([1, 2, 3])
  })
})

describe('a mailbox', () => {
  test('does commands that want no answer, in their order, and answers none', async () => {
    const broker = await open()
    const done: unknown[] = []
    await node(broker, 'a@one', async ({ method }) => {
      await Promise.resolve()
      done.push(method)
    })
    const { asker: who } = asker(broker)
    await who.tell('first', {})
    await who.tell('second', {}, { destination: ['other@node'] })
    await who.tell('third', {}, { destination: ['a@one'] })
    await who.ask('last', {}, { destination: ['a@one'] }, LONG)
    expect(done).toEqual(['first', 'third', 'last'])
  })

  test('reads a command that names as many tasks as a worker remembers, in the longest form there is', async () => {
    const broker = await open()
    await node(broker, 'a@one', ({ arguments: { revoked } }) => Object.keys(revoked as object).length)
    const revoked = Object.fromEntries(
      Array.from({ length: 50_000 }, () => randomUUID()).map((id) => [id, [1_234_567.123_456, id]]),
    )
    const { asker: who } = asker(broker)
    const [reply] = await who.ask('hello', { revoked }, { destination: ['a@one'] }, LONG)
    expect(reply?.value).toBe(50_000)
  })

  test('logs what is no command, too large, or wants its answer elsewhere, and goes on', async () => {
    const broker = await open()
    await node(broker, 'a@one', pong)
    const { asker: who } = asker(broker)
    const records = logged()
    const send = (text: string, contentType = 'application/json'): Promise<void> =>
      broker.publish({ ...textMessage(text), contentType }, pidbox.toAll)
    await send('{"no": "method"}')
    await send('not json')
    await send('anything', 'application/x-python-serialize')
    await send(`{"method": "${'x'.repeat(8 * 2 ** 20)}"}`)
    await broker.declare({ queues: [{ name: 'celery' }] })
    await send('{"method": "ping", "ticket": "t", "reply_to": {"exchange": "", "routing_key": "celery"}}')
    await who.ask('ping', {}, { destination: ['a@one'] }, LONG)
    expect(records.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 4 }, () => 'command is not understood'),
      'command is not answered',
    ])
    expect(await broker.admin?.depth('celery')).toMatchObject({ messages: 0 })
  })

  test('says when another node has its name', async () => {
    const broker = await open()
    const records = logged()
    await node(broker, 'a@one', pong)
    expect(records).toEqual([])
    await node(broker, 'a@one', pong)
    expect(records).toMatchObject([{ level: 'warn', message: 'another worker has the same name' }])
  })

  test('declares its queue as Celery does, and answers as Celery does', async () => {
    expect(pidbox.nodeTopology('w1@vm')).toEqual({
      exchanges: [
        { name: 'celery.pidbox', type: 'fanout', durable: false },
        { name: 'reply.celery.pidbox', type: 'direct', durable: false },
      ],
      queues: [
        { name: 'w1@vm.celery.pidbox', durable: false, autoDelete: true, messageTtlMs: 300_000, expiresMs: 10_000 },
      ],
      bindings: [{ exchange: 'celery.pidbox', queue: 'w1@vm.celery.pidbox', routingKey: '' }],
    })
    expect(pidbox.replyTopology('oid').queues).toMatchObject([{ name: 'oid.reply.celery.pidbox', autoDelete: true }])
    const broker = await open()
    await node(broker, 'w1@vm', pong)
    await broker.declare(pidbox.replyTopology('me'))
    const heard = new Promise<unknown>((resolve, reject) => {
      const onDelivery = ({ message }: { message: Parameters<typeof readReply>[0] }): void => resolve(message)
      broker.consume({ queues: [pidbox.replyQueueOf('me')], prefetch: 0, noAck: true, onDelivery }).catch(reject)
    })
    const question =
      '{"method": "ping", "arguments": {}, "destination": null, "pattern": null, "matcher": null, "ticket": "t-1", "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "me"}}'
    const headers = { clock: 13, expires: 0 }
    await broker.publish({ ...textMessage(question), contentType: 'application/json', headers }, pidbox.toAll)
    const answer = (await heard) as Parameters<typeof readReply>[0] & { deliveryMode: number }
    expect(Buffer.from(answer.body).toString()).toBe('{"w1@vm": {"ok": "pong"}}')
    expect(answer).toMatchObject({ headers: { ticket: 't-1', clock: 15 }, deliveryMode: 1 })
  })
})
