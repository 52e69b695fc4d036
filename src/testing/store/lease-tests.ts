import type { Lease, Store } from '../../store/store.ts'
import { LONG_MS, type StoreSuiteContext, until, within } from './scene.ts'

const ttlMs = LONG_MS

/** Leases. */
export function leaseTests({ scene, expect }: StoreSuiteContext): void {
  const taken = async (
    store: Store,
    key: string,
    options: { ttlMs?: number; holder?: string } = {},
  ): Promise<Lease> => {
    const { lease } = await store.lease(key, { ttlMs, ...options })
    if (!lease) throw new Error(`${key} should be free`)
    return lease
  }

  scene('of many who want a lease one gets it, and the others hear when to ask again', async ({ one, two, key }) => {
    const name = key()
    const asked = Array.from({ length: 30 }, (_, nth) => (nth % 2 ? one : two).lease(name, { ttlMs }))
    const answers = await within('all are answered', Promise.all(asked))
    const leases = answers.filter(({ lease }) => lease)
    expect(leases.length).toBe(1)
    expect(leases[0]?.lease?.isHeld).toBe(true)
    for (const answer of answers) {
      if (answer.lease) continue
      expect(answer.freeInMs).toBeGreaterThan(ttlMs / 2)
      expect(answer.freeInMs).toBeLessThanOrEqual(ttlMs)
    }
  })

  scene('a lease that is given back is free at once, and its token is never given again', async ({ one, two, key }) => {
    const name = key()
    const tokens: number[] = []
    for (let round = 0; round < 5; round++) {
      const lease = await taken(round % 2 ? one : two, name)
      tokens.push(lease.token)
      expect(await lease.release()).toBe(true)
      expect(lease.isHeld).toBe(false)
      expect(await lease.release()).toBe(false)
      expect(await lease.renew()).toBe(false)
    }
    expect([...new Set(tokens)].sort((a, b) => a - b)).toEqual(tokens)
    expect(Math.min(...tokens)).toBeGreaterThan(0)
  })

  scene(
    'a lease that is not renewed ends; who slept through it can do nothing more with it',
    async ({ one, two, key }) => {
      const name = key()
      const old = await taken(one, name, { ttlMs: 40 })
      let young: Lease | undefined
      await until('it is free', async () => (young = (await two.lease(name, { ttlMs })).lease) !== undefined)
      expect(old.isHeld).toBe(false)
      expect(young?.token ?? 0).toBeGreaterThan(old.token)
      expect(await old.renew()).toBe(false)
      expect(await old.release()).toBe(false)
      expect(await young?.renew()).toBe(true)
    },
  )

  scene('renewing gives the full time again', async ({ one, two, key }) => {
    const name = key()
    const lease = await taken(one, name)
    expect(await lease.renew()).toBe(true)
    expect(lease.isHeld).toBe(true)
    expect((await two.lease(name, { ttlMs })).lease).toBeUndefined()
  })

  scene('a holder who asks again has the same lease, so a lost answer does no harm', async ({ one, two, key }) => {
    const name = key()
    const first = await taken(one, name, { holder: 'host-1' })
    const again = await taken(two, name, { holder: 'host-1' })
    expect(again.token).toBe(first.token)
    expect((await two.lease(name, { ttlMs, holder: 'host-2' })).lease).toBeUndefined()
    expect(await first.release()).toBe(true)
    expect(await again.renew()).toBe(false)
  })

  scene('of places there are as many as there are slots', async ({ one, two, key }) => {
    const name = key()
    const ask = (nth: number): ReturnType<Store['lease']> => (nth % 2 ? one : two).lease(name, { ttlMs, slots: 3 })
    const answers = await Promise.all(Array.from({ length: 12 }, (_, nth) => ask(nth)))
    const leases = answers.map(({ lease }) => lease).filter((lease) => lease !== undefined)
    expect(leases.length).toBe(3)
    expect(new Set(leases.map(({ token }) => token)).size).toBe(3)
    await leases[1]?.release()
    expect((await one.lease(name, { ttlMs, slots: 3 })).lease === undefined).toBe(false)
    expect((await two.lease(name, { ttlMs, slots: 3 })).lease).toBeUndefined()
  })

  scene('a place whose holder has died is free when its time is over', async ({ one, two, key }) => {
    const name = key()
    await one.lease(name, { ttlMs: 40, slots: 2 })
    await one.lease(name, { ttlMs, slots: 2 })
    const answer = await two.lease(name, { ttlMs, slots: 1 })
    expect(answer.lease).toBeUndefined()
    await until('a place is free', async () => (await two.lease(name, { ttlMs, slots: 2 })).lease !== undefined)
  })
}
