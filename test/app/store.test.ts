import { expect, test } from 'vitest'
import { STORE_FEATURES, type StoreKind } from '../../src/app/capabilities.ts'
import { lovage } from '../../src/index.ts'
import { openStore } from '../../src/store/open.ts'

const env = {}
const ttlMs = 60_000

test('an application has the store of its broker, opened once and shared', async () => {
  const app = lovage('a', { broker: 'memory://app-store' }, { env })
  const [one, same] = await Promise.all([app.store(), app.store()])
  expect(one).toBe(same)
  await one.set('test:key', 'x', { ttlMs })
  const other = lovage('b', { broker: 'memory://app-store' }, { env })
  expect((await (await other.store()).get('test:key'))?.value).toBe('x')
  await Promise.all([app.close(), other.close()])
})

test('a store that is not wanted is not opened', async () => {
  let opened = 0
  const open = (): never => {
    opened++
    throw new Error('opened')
  }
  const app = lovage('a', { broker: 'memory://unwanted' }, { env, openStore: open })
  await app.client()
  await app.close()
  expect(opened).toBe(0)
})

test('after a failure to open it the next call tries again', async () => {
  let isBroken = true
  const app = lovage(
    'a',
    { broker: 'memory://again' },
    {
      env,
      openStore: ({ store = '' }) => {
        if (isBroken) throw new Error('broken')
        return openStore(store)
      },
    },
  )
  await expect(app.store()).rejects.toThrow('broken')
  isBroken = false
  expect((await app.store()).kind).toBe('memory')
  await app.close()
})

test('where there is no store, who needs it is refused by name, without the password of the broker', async () => {
  const app = lovage('a', { broker: 'amqp://guest:secret@localhost/' }, { env })
  const refused = await app.store('A joined request').catch((error: Error) => error)
  expect(refused).toMatchObject({ code: 'CAPABILITY_MISSING', fix: expect.stringContaining('LOVAGE_STORE') as string })
  expect(String(refused)).toContain('A joined request needs a store')
  expect(String(refused)).not.toContain('secret')
  await app.close()
})

test('a store that is closed stays closed', async () => {
  const app = lovage('a', { broker: 'memory://closed' }, { env })
  const store = await app.store()
  await app.close()
  await expect(store.get('test:key')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await expect(app.store()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
})

test('the matrix has every kind that can be opened', () => {
  const kinds = ['redis://localhost', 'embedded:///tmp/never-opened', 'memory://x'].map((url) => openStore(url).kind)
  for (const { kinds: has } of Object.values(STORE_FEATURES)) expect(Object.keys(has)).toEqual(kinds as StoreKind[])
})
