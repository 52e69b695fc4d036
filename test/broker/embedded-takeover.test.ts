import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, textOf, toQueue, until } from '../../src/testing/broker/scene.ts'
import { type Child, startChild } from '../services/child.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

const folder = temporaryFolder()
let places = 0
const place = (): string => join(folder, `place-${++places}`)

const children: Child[] = []
const brokers: Broker[] = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()))
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()))
})

function client(home: string): Child {
  const child = startChild('node', [
    'scripts/run-ts.mjs',
    'test/broker/embedded-client-process.ts',
    `embedded://${home}`,
  ])
  children.push(child)
  return child
}

async function clients(home: string, count: number): Promise<Child[]> {
  const made = Array.from({ length: count }, () => client(home))
  await Promise.all(made.map((child) => child.line('ready')))
  return made
}

async function broker(home: string): Promise<Broker> {
  const opened = openBroker(`embedded://${home}`, PATIENT_BROKER)
  brokers.push(opened)
  await opened.start()
  return opened
}

/** Who owns the place now. */
function ownerOf(home: string): number {
  const record = JSON.parse(readFileSync(join(home, 'broker', 'owner.json'), 'utf8')) as { pid: number }
  return record.pid
}

/** How often a new owner has begun: each has a higher number. */
function ownersSoFar(home: string): number {
  const numbers = readdirSync(join(home, 'broker')).map((name) => Number(/^owner-(\d+)$/.exec(name)?.[1] ?? 0))
  return Math.max(...numbers)
}

const confirmed = (child: Child): string[] => named(child, /^confirmed (\S+)/)
const got = (child: Child): string[] => named(child, /^got (\S+)/)
function named(child: Child, pattern: RegExp): string[] {
  return child.lines.flatMap((line) => pattern.exec(line)?.[1] ?? [])
}

describe('several processes on one embedded broker', () => {
  it('begin at once and have one owner', async () => {
    const home = place()
    const all = await clients(home, 4)
    expect(ownersSoFar(home)).toBe(1)
    expect(all.map(({ pid }) => pid)).toContain(ownerOf(home))
    const [one, two] = all as [Child, Child]
    two.write('consume q\n')
    await two.line('consuming q')
    one.write('publish q 10 a\n')
    await one.line('published a')
    await until('all came', () => got(two).length === 10)
  })

  it('lose nothing confirmed when the owner is killed, and go on', async () => {
    const home = place()
    const [first] = (await clients(home, 1)) as [Child]
    const others = (await clients(home, 2)) as [Child, Child]
    expect(ownerOf(home)).toBe(first.pid)
    const [sender, reader] = others
    reader.write('consume q\n')
    await reader.line('consuming q')
    sender.write('publish q 3000 before\n')
    await sender.line('confirmed before-')
    await first.kill()
    sender.write('publish q 100 after\n')
    await sender.line('published before')
    await sender.line('published after')
    expect(sender.lines.filter((line) => line.startsWith('failed'))).toEqual([])
    const sent = confirmed(sender)
    expect(sent.length).toBe(3100)
    await until('all that was confirmed has come', () => new Set(got(reader)).size === 3100)
    expect(others.map(({ pid }) => pid)).toContain(ownerOf(home))
    expect(ownersSoFar(home)).toBe(2)
  })

  it('hand out again what the dead had in their hands, and say so', async () => {
    const home = place()
    const [holder] = (await clients(home, 1)) as [Child]
    holder.write('hold q\n')
    await holder.line('consuming q')
    holder.write('publish q 5 held\n')
    await holder.line('holds held-4')
    await holder.kill()
    const heir = await broker(home)
    const again: string[] = []
    await heir.consume({
      queues: ['q'],
      prefetch: 0,
      onDelivery: (delivery) => {
        again.push(`${textOf(delivery)} ${delivery.redelivered}`)
        delivery.ack()
      },
    })
    await until('all came again', () => again.length === 5)
    expect(again).toEqual([0, 1, 2, 3, 4].map((nth) => `held-${nth} true`))
  })

  it('go on when the owner leaves by itself', async () => {
    const home = place()
    const owner = await broker(home)
    expect(ownerOf(home)).toBe(process.pid)
    const [other] = (await clients(home, 1)) as [Child]
    await owner.declare({ queues: [{ name: 'q' }] })
    await owner.publish(textMessage('kept'), toQueue('q'))
    await owner.stop()
    other.write('consume q\n')
    await other.line('got kept')
    expect(ownerOf(home)).toBe(other.pid)
  })

  it('outlive their end all together', async () => {
    const home = place()
    const all = (await clients(home, 3)) as [Child, Child, Child]
    all[1].write('publish q 500 kept\n')
    await all[1].line('published kept')
    await Promise.all(all.map((child) => child.kill()))
    const heir = await broker(home)
    expect(await heir.admin?.depth('q')).toMatchObject({ messages: 500 })
  })

  it('wait for an owner that is stopped, and never become a second one', async () => {
    const home = place()
    const [owner] = (await clients(home, 1)) as [Child]
    const waiting = await broker(home)
    await waiting.declare({ queues: [{ name: 'q' }] })
    owner.signal('SIGSTOP')
    const send = waiting.publish(textMessage('late'), toQueue('q'), { timeoutMs: 300 })
    await expect(send).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
    await expect(waiting.probe(100)).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
    const newcomer = openBroker(`embedded://${home}`, { connectTimeoutMs: 500 })
    await expect(newcomer.start()).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('hangs or is stopped') as string,
    })
    owner.signal('SIGCONT')
    await waiting.probe(20_000)
    expect(ownersSoFar(home)).toBe(1)
    // Sent before the owner was stopped for good, it may be there; what is confirmed now is there.
    await waiting.publish(textMessage('now'), toQueue('q'), { timeoutMs: 20_000 })
    expect((await waiting.admin?.depth('q'))?.messages).toBeGreaterThanOrEqual(1)
  })
})

describe('a broker whose owner died', () => {
  it('has again what only it had: its exclusive queue, its consumer, its credit', async () => {
    const home = place()
    const [owner] = (await clients(home, 1)) as [Child]
    const mine = await broker(home)
    await mine.declare({ queues: [{ name: 'own', exclusive: true, durable: false }] })
    const seen: string[] = []
    const consumer = await mine.consume({
      queues: ['own'],
      prefetch: 1,
      onDelivery: (delivery) => {
        seen.push(textOf(delivery))
        delivery.ack()
      },
    })
    consumer.setPrefetch(5)
    const states: string[] = []
    mine.onState((state) => states.push(state))
    await owner.kill()
    await until('it is connected again', () => states.join() === 'lost,connected')
    await mine.publish(textMessage('x'), toQueue('own'))
    await until('it came', () => seen.length === 1)
    expect(await mine.admin?.depth('own')).toMatchObject({ consumers: 1 })
    await consumer.cancel()
    expect(await mine.admin?.depth('own')).toMatchObject({ consumers: 0 })
  })

  it('reads a queue that went with it, once somebody declares it again', async () => {
    const home = place()
    const [owner] = (await clients(home, 1)) as [Child]
    const reader = await broker(home)
    const other = await broker(home)
    await other.declare({ queues: [{ name: 'fleeting', durable: false }] })
    const seen: string[] = []
    await reader.consume({ queues: ['fleeting'], prefetch: 5, onDelivery: (delivery) => seen.push(textOf(delivery)) })
    await other.stop()
    await owner.kill()
    await until('it is connected again', () => reader.state === 'connected')
    await reader.probe(20_000)
    const third = await broker(home)
    await third.declare({ queues: [{ name: 'fleeting', durable: false }] })
    await third.publish(textMessage('x'), toQueue('fleeting'))
    await until('it came', () => seen.length === 1)
    expect(seen).toEqual(['x'])
  })

  it('knows that deliveries of before are no longer its own', async () => {
    const home = place()
    const [owner] = (await clients(home, 1)) as [Child]
    const mine = await broker(home)
    await mine.declare({ queues: [{ name: 'q' }] })
    await mine.publish(textMessage('x'), toQueue('q'))
    const all: Parameters<Parameters<Broker['consume']>[0]['onDelivery']>[0][] = []
    await mine.consume({ queues: ['q'], prefetch: 1, onDelivery: (delivery) => all.push(delivery) })
    await until('it came', () => all.length === 1)
    await owner.kill()
    await until('it came again', () => all.length === 2)
    expect([all[0]?.isOurs, all[0]?.ack()]).toEqual([false, false])
    expect([all[1]?.redelivered, all[1]?.ack()]).toEqual([true, true])
    expect(await mine.admin?.depth('q')).toMatchObject({ messages: 0 })
  })
})

describe('the data directory', () => {
  it('is readable by its user alone, and no part of a project', async () => {
    const home = place()
    const mine = await broker(home)
    await mine.declare({ queues: [{ name: 'q' }] })
    expect(statSync(home).mode & 0o777).toBe(0o700)
    expect(statSync(join(home, 'broker')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(home, '.gitignore'), 'utf8')).toBe('*\n')
    for (const name of readdirSync(join(home, 'broker'))) {
      // Whoever owns it listens behind the claim and says nothing; the directory keeps strangers out.
      if (/^owner-\d+$/.test(name)) continue
      expect([name, statSync(join(home, 'broker', name)).mode & 0o077]).toEqual([name, 0])
    }
  })

  it('that cannot be used is told at once', async () => {
    const file = place()
    writeFileSync(file, '')
    for (const home of ['/proc/lovage', join(file, 'below')]) {
      await expect(broker(home)).rejects.toMatchObject({ code: 'HOME_UNUSABLE' })
    }
  })

  it('may have a path that is too long for a socket', async () => {
    const home = join(place(), 'long-'.repeat(30))
    const mine = await broker(home)
    await mine.probe(5_000)
    const other = await broker(home)
    await other.declare({ queues: [{ name: 'q' }] })
    expect(await mine.admin?.depth('q')).toBeDefined()
  })

  it('that was removed while nobody used it is begun anew', async () => {
    const home = place()
    const mine = await broker(home)
    await mine.stop()
    expect(existsSync(join(home, 'broker', 'owner.json'))).toBe(false)
    rmSync(home, { recursive: true })
    await mine.start()
    await mine.probe(5_000)
  })

  it.each(['embedded://relative', 'embedded:///tmp/x?fsync=no', 'embedded:///%zz'])('is not %s', (url) => {
    expect(() => openBroker(url)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }) as Error)
  })
})

test(
  'who removes the directory of living processes removes what is in it, and nothing that is sent later',
  { timeout: 240_000 },
  async () => {
    const home = place()
    const [worker] = (await clients(home, 1)) as [Child]
    worker.write('consume q\n')
    await worker.line('consuming q')
    rmSync(home, { recursive: true })
    const [client] = (await clients(home, 1)) as [Child]
    client.write('publish q 5 later\n')
    await client.line('published later')
    await until('all came to the one who was there before', () => got(worker).length === 5)
    expect(got(worker).toSorted()).toEqual(got(client).concat(confirmed(client)).toSorted())
  },
)
