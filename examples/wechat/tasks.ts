import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage } from 'lovage'
import { account, customerService } from './account.ts'
import { CustomerService } from './customer-service.ts'
import type { Incoming } from './messages.ts'

export const app = lovage('wechat')

/** A message, and when its first attempt came. */
export interface Asked extends Incoming {
  readonly arrivedMs: number
}

/** From the first attempt on, WeChat waits 15 s for an answer; what comes later goes another way. */
export const PATIENCE_MS = 15_000

const LATE_MS = PATIENCE_MS + 1_000
const KEPT_MS = 600_000

/** Whom an answer was given to: the first who claims a message answers it, and nobody else does. */
export async function claim(key: string, who: string): Promise<boolean> {
  const store = await app.store()
  const { isSet, kept } = await store.set(`wechat:answered:${key}`, who, { ttlMs: KEPT_MS, ifVersion: 0 })
  return isSet || String(kept?.value) === who
}

/** How often WeChat has pushed a message, this push included. A proxy may pass the same push on to several gateways. */
export async function attemptsOf(key: string, push: string): Promise<number> {
  const store = await app.store()
  return (await store.count(`wechat:attempts:${key}`, { ttlMs: KEPT_MS, member: push })).value
}

const service = app.resource('customer service', { open: () => new CustomerService(customerService) })

/** Sends an answer that came too late for all three attempts. One that WeChat got as a response is not sent again. */
export const deliver = app.task(
  'wechat.deliver',
  { retryOn: [Error], retryBackoff: true, maxRetries: 8 },
  async ({ key, from }: Asked, text: string) => {
    if (!(await claim(key, currentTask().id))) return 'was answered'
    await (await service.get()).send(from, text)
    return 'sent late'
  },
)

/** What the account knows: `wait 8` is answered after 8 seconds, anything else at once. */
export const answer = app.task('wechat.answer', async (asked: Asked) => {
  const text = await think(asked.text)
  // Looks after the answer: whether it went out as a response is known when the last attempt is over.
  await deliver.applyAsync([asked, text], { eta: new Date(Math.max(Date.now(), asked.arrivedMs + LATE_MS)) })
  return text
})

async function think(text: string): Promise<string> {
  const seconds = Number(/^wait ([\d.]+)$/.exec(text)?.[1] ?? 0)
  await sleep(Math.min(seconds, 60) * 1_000, undefined, { signal: currentTask().signal })
  return seconds > 0 ? `waited ${seconds} s` : `you said: ${text}`
}

export { account }
