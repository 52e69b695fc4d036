import { expect, test } from 'vitest'
import { openApp, openGateway, running, until } from './open-gateway.ts'
import { rawClient, statuses } from './raw-client.ts'

const REQUESTS = 2_000
const AT_ONCE = 100
const SEED = 20_261_121

/** The statuses that docs/guide-gateway.md states, without those of tasks that fail or do not come. */
const STATED = new Set([100, 200, 202, 400, 404, 408, 409, 413, 414, 415, 417, 421, 422, 431, 503])

const HOST = 'Host: localhost\r\n'
const SEEDS = [
  `GET /sum/1/2 HTTP/1.1\r\n${HOST}\r\n`,
  `GET /sum/%31/%e4%bd%a0?x=1&token=2 HTTP/1.1\r\n${HOST}Accept: */*\r\n\r\n`,
  `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{"a":[1,2,"\\u00e4"]}`,
  `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\na=1&b=%c3+c`,
  `POST /echo HTTP/1.1\r\n${HOST}Content-Type: text/xml; charset=utf-8\r\nContent-Length: 6\r\n\r\n<xml/>`,
  `POST /echo HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  `POST /accept HTTP/1.1\r\n${HOST}Content-Length: 0\r\nConnection: keep-alive\r\n\r\n`,
  `GET /tasks/4f3c HTTP/1.1\r\n${HOST}\r\n`,
  `HEAD /readyz HTTP/1.0\r\n${HOST}\r\n`,
  `DELETE /echo HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
]
const SPICES = [
  '\0',
  '\r\n',
  '%',
  '%00',
  '../',
  '{',
  '"',
  '__proto__',
  '\xff',
  ' ',
  ':',
  '9'.repeat(30),
  'x'.repeat(9_000),
]

/** Mulberry32: the same numbers for the same seed, on every machine. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function mutated(random: (below: number) => number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  let text = pick(SEEDS)
  for (let change = random(4); change > 0; change--) {
    const at = random(text.length + 1)
    const end = Math.min(text.length, at + random(8))
    const kind = random(5)
    if (kind === 0) text = text.slice(0, at) + pick(SPICES) + text.slice(end)
    else if (kind === 1) text = text.slice(0, at) + text.slice(end)
    else if (kind === 2) text = text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
    else if (kind === 3) text = text.slice(0, at) + pick(SEEDS).slice(random(60))
    else text = text.slice(0, at) + text.slice(at, end).repeat(random(4)) + text.slice(end)
  }
  return Buffer.from(text, 'latin1')
}

test(`${REQUESTS} mutated requests get stated statuses only, and leave nothing behind`, async () => {
  const app = openApp()
  const sum = app.task('sum', { params: ['x', 'y'] }, (x: unknown, y: unknown) => `${x}${y}`)
  const echo = app.task('echo', (body: unknown) => body)
  const limits = { headersTimeout: 100, requestTimeout: 100, keepAliveTimeout: 50, bodyLimit: 5_000 }
  const opened = openGateway(app, limits)
    .get('/sum/:x/:y', sum)
    .post('/echo', echo, { args: ({ body }) => [body] })
    .post('/accept', echo, { args: ({ query }) => [query], reply: 'accept' })
  const url = await running(app, opened)
  const random = randomOf(SEED)
  const seen = new Map<number | 'closed', number>()
  const wrong: string[] = []

  const play = async (): Promise<void> => {
    const bytes = mutated(random)
    const client = await rawClient(url)
    client.send(bytes)
    const received = await client.closed()
    const got = statuses(received)
    for (const status of got.length === 0 ? ['closed' as const] : got) {
      seen.set(status, (seen.get(status) ?? 0) + 1)
      if (status !== 'closed' && !STATED.has(status))
        wrong.push(`${status} for ${bytes.toString('latin1').slice(0, 300)}`)
    }
  }
  let left = REQUESTS
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await play()
    }),
  )
  expect(wrong).toEqual([])
  // The mutations must reach far: if all were refused at the door they would prove nothing.
  for (const status of [200, 202, 400, 404, 408, 415, 421])
    expect(seen.get(status), `status ${status}`).toBeGreaterThan(0)
  await until(() => opened.inFlight === 0)
  const after = await rawClient(url)
  after.send(SEEDS[0] as string)
  expect(await after.until((text) => text.endsWith('}'))).toContain('{"results":"12"}')
}, 60_000)
