// Those who buy: tasks and requests at the pace of a small shop, until the process is ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { chain, group } from 'lovage'
import { album, app, charge, daily, forecast, index, login, place, remind, reserve, send, transcode } from './tasks.ts'

const NAMES = ['anna', 'bo', 'chen', 'dilan', 'eva', 'femi', 'greta', 'hugo', 'ines', 'jun', 'kofi', 'lena']
const STEP_MS = 100
const TURN_MS = 90_000

const site = process.env['SHOP_URL'] ?? ''
const one = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)] as T
const mail = (): string => `${one(NAMES)}@shop.example`
let orders = 48_100

/** Each of these is begun so often a second, at the busiest. */
const HABITS: readonly (readonly [perSecond: number, begin: () => PromiseLike<unknown>])[] = [
  [5, buy],
  [4, () => send.delay(mail(), one(['welcome', 'order confirmed', 'on its way', 'how was it?']))],
  [0.5, () => login.delay(mail(), { token: 'f00dcafe'.repeat(4) })],
  [0.5, () => album(`product-${orders % 900}`).delay()],
  [0.06, () => transcode.delay(`unboxing-${orders}`, 2_400 + Math.round(Math.random() * 3_000))],
  [0.8, () => daily.delay(one(['monday', 'tuesday', 'wednesday']), Math.round(Math.random() * 9_000))],
  [0.4, () => forecast.delay(1_000 + (orders % 800))],
  [0.7, () => index.delay(orders % 900)],
  [0.2, () => remind.applyAsync([mail()], { countdown: '20m' })],
  [0.05, () => app.sendTask('loyalty.points', [mail(), 120], {}, { queue: 'mail' })],
  [9, () => get(`/orders/${orders}/price`)],
  [2, () => post('/orders', { number: orders++, customer: one(NAMES), items: 2 })],
  [1.5, () => get(`/images/product-${orders % 900}`)],
  [0.6, () => post(`/search/${orders % 900}`, {})],
  [0.8, () => get(`/reports/${one(['monday', 'tuesday'])}`)],
]

/** What follows an order: one after the other, then side by side. */
function buy(): PromiseLike<unknown> {
  const order = { number: orders++, customer: one(NAMES), items: 1 + Math.floor(Math.random() * 5) }
  const after = group([reserve.si(order), send.si(mail(), 'order confirmed')])
  return chain(place.s(order), charge.s(), after).delay()
}

async function get(path: string): Promise<unknown> {
  return (await fetch(site + path)).text()
}

async function post(path: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(site + path, { method: 'POST', headers, body: JSON.stringify(body) })).text()
}

console.log('the shop is open')
for (let atMs = 0; ; atMs += STEP_MS) {
  const pace = 0.65 + 0.35 * Math.sin((atMs / TURN_MS) * 2 * Math.PI)
  for (const [perSecond, begin] of HABITS) {
    // What fails is seen on the pages, which is what this is for.
    if (Math.random() < (perSecond * pace * STEP_MS) / 1000) begin().then(undefined, () => undefined)
  }
  await sleep(STEP_MS)
}
