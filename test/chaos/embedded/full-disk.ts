import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../../src/testing/broker/scene.ts'
import { type Broker, type Delivery } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { textMessage, textOf, toQueue } from '../../../src/testing/broker/scene.ts'

const MiB = 2 ** 20
const DISK_BYTES = 24 * MiB
const BODY = 'x'.repeat(20_000)

/** What came of a disk that was full. */
export interface FullDisk {
  readonly confirmed: number
  readonly refused: number
  readonly ackedWhileFull: number
  readonly confirmedAfter: number
}

/** Whether a disk of its own can be made here: only root may, on Linux. */
export function canFillDisk(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0
}

/** Fills the disk of an embedded broker, works on, makes room, and opens it anew. Undefined where no disk can be made. */
export async function fillDisk(): Promise<FullDisk | undefined> {
  if (!canFillDisk()) return undefined
  const disk = mkdtempSync(join(tmpdir(), 'lovage-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
  const opened: Broker[] = []
  const open = async (): Promise<Broker> => {
    const broker = openBroker(`embedded://${join(disk, 'home')}`, {
      publishTimeoutMs: 60_000,
      connectTimeoutMs: 60_000,
    })
    opened.push(broker)
    await broker.start()
    return broker
  }
  try {
    return await play(disk, open)
  } finally {
    await Promise.all(opened.map((broker) => broker.stop()))
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  }
}

async function play(disk: string, open: () => Promise<Broker>): Promise<FullDisk> {
  const broker = await open()
  await broker.declare({ queues: [{ name: 'q' }] })
  const kept: string[] = []
  const send = async (text: string): Promise<boolean> => {
    try {
      await broker.publish(textMessage(`${text} ${BODY}`), toQueue('q'))
      kept.push(text)
      return true
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (code !== 'PUBLISH_REFUSED' || !message.includes('disk')) throw error
      return false
    }
  }
  let sent = 0
  while (sent < 200) await send(`${sent++}`)
  // Somebody else takes the rest of the room.
  const { bavail, bsize } = statfsSync(disk)
  const ballast = join(disk, 'ballast')
  writeFileSync(ballast, Buffer.alloc(Number(bavail) * Number(bsize) - MiB / 2))
  while (await send(`${sent++}`)) if (sent > 2_000) throw new Error('the disk was never full')
  const confirmed = kept.length
  let refused = 1
  for (let n = 0; n < 20; n++) if (!(await send(`full ${n}`))) refused++
  const acked = await ackSome(broker, kept, 100)
  unlinkSync(ballast)
  await until('new messages are taken again', () => send(`after ${sent++}`))
  const confirmedAfter = kept.length - confirmed + acked
  await broker.stop()
  await checkAll(await open(), kept)
  return { confirmed, refused, ackedWhileFull: acked, confirmedAfter }
}

/** Reads and acks the oldest, while the disk is full. */
async function ackSome(broker: Broker, kept: string[], count: number): Promise<number> {
  const held: Delivery[] = []
  const consumer = await broker.consume({
    queues: ['q'],
    prefetch: count,
    onDelivery: (delivery) => held.push(delivery),
  })
  await until(`${count} came while the disk was full`, () => held.length >= count)
  const texts = held.slice(0, count).map((delivery) => textOf(delivery).split(' ', 1)[0])
  for (const delivery of held.slice(0, count)) if (!delivery.ack()) throw new Error('an ack was not taken')
  if (texts.join() !== kept.splice(0, count).join()) throw new Error('what came was out of order')
  await consumer.cancel()
  for (const delivery of held.slice(count)) delivery.requeue()
  return count
}

async function checkAll(broker: Broker, kept: readonly string[]): Promise<void> {
  const found: string[] = []
  await broker.consume({
    queues: ['q'],
    prefetch: 50,
    onDelivery: (delivery) => {
      found.push(textOf(delivery).slice(0, -BODY.length - 1))
      delivery.ack()
    },
  })
  await until('all has come', () => found.length >= kept.length)
  if (found.join() !== kept.join()) throw new Error('not all that was confirmed is there, in its order')
}
