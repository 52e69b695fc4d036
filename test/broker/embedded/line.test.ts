import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { openLine } from '../../../src/broker/embedded/client/line.ts'
import { ByteReader } from '../../../src/broker/embedded/wire/byte-reader.ts'
import { ByteWriter } from '../../../src/broker/embedded/wire/byte-writer.ts'
import { ASK, FrameReader, SAY, WIRE_VERSION, writeFrame } from '../../../src/broker/embedded/wire/frames.ts'

/** An owner that greets, and keeps what it is told. */
class Owner extends Duplex {
  readonly parts: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.parts.length === 0) this.push(greeting())
    this.parts.push(chunk)
    done()
  }
}

function greeting(): Buffer {
  const writer = new ByteWriter()
  writeFrame(writer, SAY.welcome, () => {
    writer.u32(WIRE_VERSION)
    writer.u32(process.pid)
  })
  return writer.take()
}

describe('what is said to the owner in one turn', () => {
  const events = { onSay: () => {}, onRoom: () => {}, onClosed: () => {} }
  const open = async (owner: Owner) => {
    const connect = (): Socket => owner as unknown as Socket
    const line = await openLine({ connect, clock: systemClock, timeoutMs: 20_000, home: '/nowhere', events })
    owner.parts.length = 0
    // It has greeted, and does not do so again.
    owner.parts.push(Buffer.alloc(0))
    return line
  }

  it('goes out as one', async () => {
    const owner = new Owner()
    const line = await open(owner)
    for (let i = 0; i < 10; i++) line.say(ASK.unwatch, (writer) => writer.text(`${i}`))
    expect(owner.parts.length).toBe(1)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(owner.parts.length).toBe(2)
    line.destroy()
  })

  it('goes out in parts while the rest is still being made, where it is much', async () => {
    const owner = new Owner()
    const line = await open(owner)
    const text = 'x'.repeat(1_000)
    for (let i = 0; i < 500; i++) line.say(ASK.unwatch, (writer) => writer.text(`${i} ${text}`))
    expect(owner.parts.length).toBeGreaterThan(5)
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const said: string[] = []
    const reader = new FrameReader()
    for (const part of owner.parts) reader.push(part, (_kind, frame) => said.push(frame.text()))
    expect(said).toEqual(Array.from({ length: 500 }, (_, i) => `${i} ${text}`))
    line.destroy()
  })
})

test.each([
  ['nothing', ''],
  ['a short text', 'celery'],
  ['a short one of other scripts', 'кабачок 南瓜 🎃'],
  ['one that ends in another script', 'x'.repeat(39) + 'é'],
  ['one of forty characters', 'x'.repeat(40)],
  ['a long one', 'x'.repeat(41)],
  ['a long one of other scripts', '南瓜🎃'.repeat(30)],
  ['half a pair', 'a\ud83c'],
])('%s is read as it was written, and has the bytes of UTF-8', (_, text) => {
  const writer = new ByteWriter()
  writer.u8(7)
  writer.text(text)
  writer.u32(0xfffffffe)
  const bytes = writer.take()
  const encoded = Buffer.from(text)
  expect(bytes.subarray(5, 5 + encoded.length)).toEqual(encoded)
  const reader = new ByteReader(bytes)
  expect([reader.u8(), reader.text(), reader.u32()]).toEqual([7, encoded.toString(), 0xfffffffe])
})

test('what is passed over is what would have been read', () => {
  const writer = new ByteWriter()
  writer.bytes(Buffer.from('abc'))
  writer.u32(-2)
  writer.u16(0xfedc)
  const reader = new ByteReader(writer.take())
  reader.skipBytes()
  expect(reader.i32()).toBe(-2)
  expect(reader.u16()).toBe(0xfedc)
  expect(() => reader.skip(1)).toThrow(RangeError)
})
