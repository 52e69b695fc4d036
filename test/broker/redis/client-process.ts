// A program that sends tasks over the Redis it is given, and says when it has lost it. It is to end by itself when it has
// closed its application, however things stand.
import { lovage } from '../../../src/index.ts'

const url = process.env.REDIS_URL ?? ''
const timeouts = { connectTimeout: '1s', publishTimeout: '1s' } as const
const app = lovage('client', { broker: url, backend: url, store: url, ...timeouts }, { env: {} })
const { broker } = await app.client()
const kept = await (await app.store()).get('test:nothing')
let isClosing = false
const lost = new Promise<void>((resolve) => broker.onState((state) => state === 'lost' && resolve()))
const pending = await app.sendTask('nobody.has.it')
const waits = pending.get({ timeout: '1h' }).catch((error: { code?: string }) => console.log(`waited: ${error.code}`))
const sending = (async () => {
  while (!isClosing) await app.sendTask('nobody.has.it').catch(() => {})
})()
console.log(`ready, with ${String(kept)}`)
await lost
isClosing = true
await app.close()
await Promise.all([sending, waits])
console.log('closed')
