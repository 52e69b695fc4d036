// A shop: what its workers do. The pictures of the dashboard are taken of this.
import { setTimeout as sleep } from 'node:timers/promises'
import { chord, currentTask, lovage, retry } from 'lovage'

export const app = lovage('shop', { defaultQueue: 'orders', sendSentEvent: true, resultExpires: '1h' })

const between = (least: number, most: number): number => least + Math.random() * (most - least)
const happens = (share: number): boolean => Math.random() < share

export interface Order {
  readonly number: number
  readonly customer: string
  readonly items: number
}

class PaymentTimeout extends Error {}
class CardDeclined extends Error {}
class SmtpError extends Error {}
class OutOfStock extends Error {}

export const quote = app.task('order.quote', async (number: number) => {
  await sleep(between(2, 25))
  return { number, total: Math.round(between(500, 20_000)) / 100, currency: 'EUR' }
})

export const place = app.task('order.place', async (order: Order) => {
  await sleep(between(10, 80))
  return order
})

/** The bank is slow at times: such a charge is tried again. */
export const charge = app.task(
  'payment.charge',
  { queue: 'payments', maxRetries: 2, softTimeLimit: '20s', timeLimit: '30s' },
  async (order: Order) => {
    await sleep(between(40, 260))
    if (happens(0.06)) {
      const cause = new PaymentTimeout(`bank did not answer for order ${order.number} within 250 ms`)
      throw retry({ countdown: '2s', cause })
    }
    if (happens(0.02)) throw new CardDeclined(`card of ${order.customer} was declined: limit exceeded`)
    return order
  },
)

export const reserve = app.task('stock.reserve', async (order: Order) => {
  await sleep(between(5, 30))
  if (happens(0.008)) throw new OutOfStock(`${order.items} wanted, ${Math.max(0, order.items - 1)} left`)
  return order.items
})

/** Behind a mail server that takes its time. */
export const send = app.task(
  'mail.send',
  { queue: 'mail', params: ['to', 'template'], maxRetries: 3 },
  async (to: string, template: string) => {
    await sleep(between(180, 700))
    if (happens(0.03)) {
      throw retry({ countdown: '3s', cause: new SmtpError(`451 4.7.1 <${to}>: greylisted, try again later`) })
    }
    if (happens(0.012)) throw new SmtpError(`550 5.1.1 <${to}>: mailbox unavailable`)
    return { to, template, accepted: true }
  },
)

export const login = app.task('mail.login_link', { queue: 'mail' }, async (to: string, link: { token: string }) => {
  await sleep(between(150, 400))
  return link.token.length > 0 && to.includes('@')
})

/** Counts, so that a thread has something to do. */
export const resize = app.task('image.resize', { queue: 'media' }, (name: string, width: number) => {
  const untilMs = performance.now() + between(30, 130)
  let sum = 0
  while (performance.now() < untilMs) for (let n = 0; n < 10_000; n++) sum += Math.sqrt(n)
  return { name: `${name}-${width}.webp`, bytes: Math.round((sum % 90_000) + 10_000) }
})

export const publish = app.task('image.publish', { queue: 'media' }, async (sizes: readonly { bytes: number }[]) => {
  await sleep(40)
  return sizes.reduce((all, { bytes }) => all + bytes, 0)
})

/** Long, and tells how far it is. */
export const transcode = app.task('video.transcode', { queue: 'media' }, async (name: string, frames: number) => {
  const { progress, signal } = currentTask()
  for (let current = 0; current < frames; current += 60) {
    progress({ current, total: frames, step: current * 2 < frames ? 'encoding' : 'packaging', file: name })
    await sleep(900, undefined, { signal })
  }
  return { name: `${name}.mp4`, frames }
})

export const album = (name: string) =>
  chord(
    [320, 640, 1280, 1920].map((width) => resize.s(name, width)),
    publish.s(),
  )

/** Never often: a service of somebody else's counts the calls. */
export const index = app.task('search.index', { rateLimit: '30/m' }, async (product: number) => {
  await sleep(between(20, 60))
  return product
})

export const remind = app.task('cart.remind', { queue: 'mail' }, async (customer: string) => {
  await sleep(between(100, 300))
  return customer
})

export const sweep = app.task('cart.sweep', async () => {
  await sleep(between(50, 400))
  return Math.round(between(0, 40))
})

/** Python's. */
export const daily = app.remote<(day: string, rows?: number) => unknown>('report.build', { queue: 'reports' })
export const forecast = app.remote<(product: number) => unknown>('stock.forecast', { queue: 'reports' })
