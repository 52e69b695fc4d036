import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ChordPart } from '../../src/backend/groups.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Broker, BrokerAdmin } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import type { Chords } from '../../src/canvas/chords.ts'
import { queueChords } from '../../src/canvas/queue-chords.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'

const QUEUE = 'lovage.chord.g'

async function scene(): Promise<{ broker: Broker; admin: BrokerAdmin; chords: () => Chords }> {
  const broker = openBroker(`memory://${randomUUID()}`)
  await broker.start()
  onTestFinished(() => broker.stop())
  const admin = broker.admin as BrokerAdmin
  // Each is another process.
  const chords = (): Chords => queueChords({ broker, admin, clock: systemClock, expiresMs: 60_000, types: 'typed' })
  return { broker, admin, chords }
}

const part = (id: string, value: unknown = id): ChordPart => ({ id, state: 'SUCCESS', result: { value } })

const idsOf = (parts: readonly ChordPart[]): string[] => parts.map(({ id }) => id)

describe('A chord in a queue', () => {
  test('is gathered when its last part is in, in the order of its places, and is gone then', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    await one.open('g', 3)
    expect(await one.addPart('g', part('b'), 1, { size: 3 })).toBeUndefined()
    expect(await one.addPart('g', part('c'), 2, { size: 3 })).toBeUndefined()
    const all = await chords().addPart('g', part('a', { deep: [1] }), 0, { size: 3 })
    expect(all).toBeDefined()
    let seen: readonly ChordPart[] = []
    await chords().gather('g', all as number, async (parts) => void (seen = parts))
    expect(idsOf(seen)).toEqual(['a', 'b', 'c'])
    expect(payloadValue(seen[0]?.result as ChordPart['result'])).toEqual({ deep: [1] })
    expect(await admin.depth(QUEUE)).toBeUndefined()
  })

  test('waits for members that were added, each of which counts once', async () => {
    const { chords } = await scene()
    const one = chords()
    await one.open('g', 1)
    await one.addMember('g', 'late')
    await one.addMember('g', 'late')
    const gathered: string[][] = []
    const act = async (parts: readonly ChordPart[]): Promise<void> => void gathered.push(idsOf(parts))
    const first = await one.addPart('g', part('a'), 0, { size: 1 })
    if (first !== undefined) await one.gather('g', first, act)
    expect(gathered).toEqual([])
    // Who has looked knows that it is not worth it before there are more.
    expect(await one.addPart('g', part('a'), 0, { size: 1 })).toBeDefined()
    const last = await one.addPart('g', part('late'), 0, { size: 1 })
    await one.gather('g', last as number, act)
    expect(gathered).toEqual([['a', 'late']])
  })

  test('counts a part once, however often it comes', async () => {
    const { chords } = await scene()
    const one = chords()
    await one.open('g', 2)
    await one.addPart('g', part('a', 'first'), 0, { size: 2 })
    const seeming = await one.addPart('g', part('a', 'second'), 0, { size: 2 })
    let count = 0
    await one.gather('g', seeming as number, async () => void count++)
    expect(count).toBe(0)
    const all = await one.addPart('g', part('b'), 1, { size: 2 })
    let values: unknown[] = []
    await one.gather(
      'g',
      all as number,
      async (parts) => void (values = parts.map(({ result }) => payloadValue(result))),
    )
    expect(values).toEqual(['first', 'b'])
  })

  test('is given to one at a time: of many who see it complete at once one gathers it', async () => {
    const { chords } = await scene()
    const many = Array.from({ length: 8 }, chords)
    await (many[0] as Chords).open('g', 8)
    let count = 0
    await Promise.all(
      many.map(async (one, at) => {
        const all = await one.addPart('g', part(`m${at}`), at, { size: 8 })
        const act = async (parts: readonly ChordPart[]): Promise<void> => {
          expect(parts).toHaveLength(8)
          count++
        }
        await one.gather('g', all ?? 9, act)
      }),
    )
    expect(count).toBe(1)
  })

  test('is still there, whole, when what was to be done with it fails', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    await one.open('g', 2)
    await one.addPart('g', part('a'), 0, { size: 2 })
    const all = (await one.addPart('g', part('b'), 1, { size: 2 })) as number
    const failing = one.gather('g', all, async () => {
      throw new Error('no connection')
    })
    await expect(failing).rejects.toThrow('no connection')
    expect((await admin.depth(QUEUE))?.messages).toBe(3)
    let seen: string[] = []
    await one.gather('g', all, async (parts) => void (seen = idsOf(parts)))
    expect(seen).toEqual(['a', 'b'])
  })

  test('that has ended takes no part, and comes not again', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    expect(await one.addPart('g', part('a'), 0, { size: 1 })).toBeUndefined()
    await one.addMember('g', 'b')
    await one.gather('g', 2, async () => expect.unreachable())
    expect(await admin.depth(QUEUE)).toBeUndefined()
  })

  test('is not ended by what somebody else has put into its queue', async () => {
    const { broker, chords } = await scene()
    const one = chords()
    await one.open('g', 1)
    for (const text of ['no json', '[5, 6]', '7', '{"size": "x"}', '[{"id": 4}]']) {
      const message = {
        headers: {},
        body: Buffer.from(text),
        contentType: '',
        contentEncoding: '',
        deliveryMode: 1,
      } as const
      await broker.publish(message, { exchange: '', routingKey: QUEUE })
    }
    let count = 0
    await one.gather('g', 2, async () => void count++)
    expect(count).toBe(0)
    const all = await one.addPart('g', part('a'), 0, { size: 1 })
    await one.gather('g', all as number, async (parts) => void (count += parts.length))
    expect(count).toBe(1)
  })

  test('whose last member died with all of it in hand is seen to by a member that ends again', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    await one.open('g', 3)
    for (const [at, id] of ['a', 'b', 'c'].entries()) await one.addPart('g', part(id), at, { size: 3 })
    const held = await holdAll(admin)
    const [again, other] = [chords(), chords()]
    // Two of the members come again; neither sees the first message, nor as many as there must be.
    await other.addPart('g', part('b'), 1, { size: 3 })
    const least = await again.addPart('g', part('a'), 0, { size: 3, isAgain: true })
    expect(least).toBeDefined()
    let seen: string[] = []
    const gathering = again.gather('g', least as number, async (parts) => void (seen = idsOf(parts)))
    expect((await admin.depth(QUEUE))?.messages).toBe(2)
    held.release()
    await gathering
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(await admin.depth(QUEUE)).toBeUndefined()
  })

  test('is not acted on by who has all of it in hand when somebody else has ended it meanwhile', async () => {
    const { broker, chords } = await scene()
    const admin = broker.admin as BrokerAdmin
    const one = chords()
    await one.open('g', 1)
    const all = await one.addPart('g', part('a'), 0, { size: 1 })
    const depth = admin.depth.bind(admin)
    const depths = vi.spyOn(admin, 'depth')
    depths.mockImplementationOnce(depth)
    // Asked with all parts in hand: whoever read that what follows was sent has taken the queue away.
    depths.mockImplementationOnce(async (queue) => {
      await admin.deleteQueue(queue)
      return depth(queue)
    })
    // A broker that sends in one step, as RabbitMQ does.
    const visit = admin.visit.bind(admin)
    vi.spyOn(admin, 'visit').mockImplementation((queue, limit, look) =>
      visit(queue, limit, (delivery) => look(delivery, async () => [])),
    )
    await one.gather('g', all as number, async () => expect.unreachable())
    expect(depths).toHaveBeenCalledTimes(2)
  })

  test('is left alone by a member that ends again while others are to come', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    await one.open('g', 9)
    for (const [at, id] of ['a', 'b', 'c', 'd'].entries()) await one.addPart('g', part(id), at, { size: 9 })
    const visits = vi.spyOn(admin, 'visit')
    const least = await chords().addPart('g', part('a'), 0, { size: 9, isAgain: true })
    await one.gather('g', least as number, async () => expect.unreachable())
    const read = await Promise.all(visits.mock.results.map(({ value }) => value as Promise<number>))
    expect(read).toEqual([1])
  })

  test('whose last part came while its first message was looked at is gathered by who looked', async () => {
    const { admin, chords } = await scene()
    const one = chords()
    await one.open('g', 3)
    await one.addPart('g', part('a'), 0, { size: 3 })
    const visit = admin.visit.bind(admin)
    let last: Promise<unknown> | undefined
    vi.spyOn(admin, 'visit').mockImplementation((queue, limit, look) =>
      visit(queue, limit, async (delivery, together) => {
        last ??= chords().addPart('g', part('c'), 2, { size: 3 })
        await last
        return look(delivery, together)
      }),
    )
    // Its first run had not come to that.
    const least = await chords().addPart('g', part('b'), 1, { size: 3, isAgain: true })
    let seen: string[] = []
    await one.gather('g', least as number, async (parts) => void (seen = idsOf(parts)))
    expect(await last).toBeUndefined()
    expect(seen).toEqual(['a', 'b', 'c'])
  })
})

/** Somebody who has all messages of the chord in hand, until he is let go of. */
async function holdAll(admin: BrokerAdmin): Promise<{ release: () => void }> {
  const count = (await admin.depth(QUEUE))?.messages ?? 0
  return new Promise((resolve, reject) => {
    let left = count
    const visit = async (): Promise<false | undefined> => {
      if (--left > 0) return undefined
      await new Promise<void>((release) => resolve({ release }))
      return false
    }
    admin.visit(QUEUE, Infinity, visit).catch(reject)
  })
}
