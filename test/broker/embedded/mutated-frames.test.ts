import { expect, test } from 'vitest'
import type { ByteWriter } from '../../../src/broker/embedded/wire/byte-writer.ts'
import { ByteWriter as Writer } from '../../../src/broker/embedded/wire/byte-writer.ts'
import { ASK, writeFrame } from '../../../src/broker/embedded/wire/frames.ts'
import { packMessage } from '../../../src/broker/embedded/wire/packed-message.ts'
import { writeTable } from '../../../src/broker/embedded/wire/value-codec.ts'
import type { Headers } from '../../../src/protocol/headers.ts'
import { textMessage } from '../../../src/testing/broker/scene.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { FakeClient } from './fake-client.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const FRAMES = 20_000
const FRAMES_A_CLIENT = 200

/** Frames that make sense, from a seed. */
function sensible(clock: VirtualClock): () => Buffer {
  const int = (below: number): number => Math.floor(clock.random() * below)
  const queue = (): string => `q${int(5)}`
  const deadLetters = (): Headers => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue() })
  const topology = (): Headers => {
    const limits = { messageTtlMs: int(50), expiresMs: 1 + int(200), maxLength: int(3), maxPriority: int(4) }
    const exchanges = [{ name: 'x', type: 'topic' }]
    const bindings = [{ exchange: 'x', queue: 'q1', routingKey: '#' }]
    return { exchanges, queues: [{ name: queue(), ...limits, arguments: deadLetters() }], bindings }
  }
  const message = (): Parameters<typeof packMessage>[1] => {
    const headers = { task: 'a', big: 123456789012345n, list: [1, 'x', null], table: { yes: true } }
    return textMessage('body', { headers, priority: int(5), expirationMs: int(50), correlationId: 'c' })
  }
  const operation = (): Headers => {
    const key = `a:${int(4)}`
    const all: Headers[] = [
      { op: 'set', key, value: 'v', ttlMs: 50 },
      { op: 'count', key, by: 1, ttlMs: 50, renew: false, member: `m${int(9)}` },
      { op: 'append', key, value: 'x', ttlMs: 50, maxEntries: 3 },
      { op: 'put', key, id: `i${int(4)}`, atMs: clock.now() + int(50), value: 'x' },
      { op: 'take', key, claimMs: 20, limit: 5 },
      { op: 'lease', key, holder: `h${int(3)}`, ttlMs: 20, slots: 2 },
    ]
    return all[int(all.length)] as Headers
  }
  const texts =
    (...parts: (string | number)[]) =>
    (writer: ByteWriter): void => {
      for (const part of parts) if (typeof part === 'string') writer.text(part)
      for (const part of parts) if (typeof part === 'number') writer.u32(part)
    }
  const kinds: (() => readonly [kind: number, fill: (writer: ByteWriter) => void])[] = [
    () => [ASK.declare, (writer) => writeTable(writer, topology())],
    () => [ASK.operate, (writer) => writeTable(writer, operation())],
    () => [
      ASK.publish,
      (writer) => {
        writer.u8(1)
        writer.text(int(2) === 0 ? '' : 'x')
        writer.text(queue())
        packMessage(writer, message())
      },
    ],
    () => [
      ASK.consume,
      (writer) => {
        for (const number of [int(3), int(4)]) writer.u32(number)
        for (const flag of [int(2), int(2)]) writer.u8(flag)
        writer.text(queue())
      },
    ],
    () => [
      ASK.putResult,
      (writer) => {
        writer.text(`k${int(9)}`)
        writer.bytes(Buffer.from('v'))
        writer.f64(int(100))
        writer.u8(1)
      },
    ],
    () => [ASK.cancel, texts(int(3))],
    () => [ASK.get, texts(queue())],
    () => [ASK.purge, texts(queue())],
    () => [ASK.deleteQueue, texts(queue())],
    () => [ASK.watchTable, texts(int(2) === 0 ? 'due' : 'log', `a:${int(4)}`)],
  ]
  return () => {
    const [kind, fill] = (kinds[int(kinds.length)] as (typeof kinds)[number])()
    const writer = new Writer()
    writeFrame(writer, kind, () => {
      writer.u32(int(1000))
      fill(writer)
    })
    return writer.take()
  }
}

test.each([1, 2, 3])(
  'nothing that clients say ends the engine, nor keeps its journal from being read, seed %i',
  async (seed) => {
    const files = new FakeFiles()
    const clock = new VirtualClock({ seed })
    const engine = new KeptEngine(files, { clock })
    const next = sensible(clock)
    await engine.declare({ name: 'sane' })
    for (let sent = 0; sent < FRAMES; sent += FRAMES_A_CLIENT) {
      const client = new FakeClient(engine)
      for (let left = FRAMES_A_CLIENT; left > 0 && !client.destroyed; left--) {
        const frame = next()
        if (clock.random() < 0.1) frame[4 + Math.floor(clock.random() * (frame.length - 4))] = clock.random() * 256
        client.emit('data', frame)
      }
      await turns(1)
      // Here whatever has a time runs out.
      clock.advance(20)
      client.destroy()
    }
    await engine.publish('sane', 'as ever')
    expect(new KeptEngine(files).texts('sane')).toEqual(['as ever'])
  },
)
