import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { onLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/broker/open.ts'
import type { Line } from '../../../src/broker/embedded/client/line.ts'
import { reach } from '../../../src/broker/embedded/client/reach.ts'
import type { EnginePost } from '../../../src/broker/embedded/client/post.ts'
import { ServedDelivery } from '../../../src/broker/embedded/client/served-consumer.ts'
import { sleep } from '../../../src/base/clock.ts'
import { ByteReader } from '../../../src/broker/embedded/wire/byte-reader.ts'
import { ByteWriter } from '../../../src/broker/embedded/wire/byte-writer.ts'
import { packMessage } from '../../../src/broker/embedded/wire/packed-message.ts'
import { textMessage, textOf, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { temporaryFolder } from '../../services/temporary-folder.ts'
import { turns } from './kept-engine.ts'

const folder = temporaryFolder()

const nobody = (): Promise<never> => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))

test('who becomes the owner reads its journal to the end, however long the caller wanted to wait', async () => {
  const clock = new VirtualClock({ seed: 1 })
  const line = {} as Line
  let isOwner = false
  const takeOver = async (): Promise<void> => {
    await sleep(clock, 60_000)
    isOwner = true
  }
  const reached = reach({ takeOver } as unknown as EnginePost, clock, 5000, () =>
    isOwner ? Promise.resolve(line) : nobody(),
  )
  await turns()
  clock.advance(61_000)
  expect(await reached).toBe(line)
})

test('who finds a new owner that does not serve yet says so', async () => {
  const clock = new VirtualClock({ seed: 1 })
  const reached = reach({ takeOver: async () => {} } as unknown as EnginePost, clock, 5000, nobody)
  await expect(reached).rejects.toThrow('still reads the journal')
})

test('a small body does not hold the memory of all that came with it', () => {
  const writer = new ByteWriter()
  writer.raw(new Uint8Array(60_000))
  const from = writer.length
  writer.f64(1)
  writer.u8(0)
  for (const text of ['q', '', 'q']) writer.text(text)
  packMessage(writer, textMessage('small'))
  const bytes = writer.take()
  const delivery = new ServedDelivery({} as Line, new ByteReader(bytes, from), false)
  expect(textOf(delivery)).toBe('small')
  expect(delivery.message.body.buffer).not.toBe(bytes.buffer)
})

test('a writer does not hold the memory of the largest that it ever wrote', () => {
  const writer = new ByteWriter()
  for (const end of [() => writer.take(), () => writer.cut(0)]) {
    writer.raw(new Uint8Array(8 * 2 ** 20))
    end()
    writer.text('small')
    expect(writer.take().buffer.byteLength).toBeLessThan(2 ** 20)
  }
})

test('when the engine of this process ends by itself, the log says of what', async () => {
  const home = join(folder, 'gone')
  const ended: unknown[] = []
  const unlisten = onLog(({ message, fields }) => {
    if (message === 'the embedded broker of this process has ended') ended.push(fields.error)
  })
  const broker = openBroker(`embedded://${home}`, { publishTimeoutMs: 20_000 })
  await broker.start()
  await broker.declare({ queues: [{ name: 'q' }] })
  // With it the file that is written to; the next one cannot be begun.
  rmSync(home, { recursive: true })
  const body = Buffer.alloc(2 ** 20)
  const publish = (): Promise<void> => broker.publish(textMessage('', { body }), toQueue('q')).catch(() => {})
  await Promise.all(Array.from({ length: 10 }, publish))
  await until('it has ended', () => ended.length > 0)
  unlisten()
  await broker.stop()
  // It looks now and then, too.
  expect(ended[0]).toMatch(/ENOENT|removed while it was in use/)
})
