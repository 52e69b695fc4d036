import type { App } from '../../src/app/app.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { gateway, type Gateway } from '../../src/gateway/gateway.ts'
import { connect } from 'node:net'

/** The statuses that docs/guide-gateway.md states, without those of tasks that fail or do not come. */
const STATED = new Set([100, 200, 202, 400, 403, 404, 405, 408, 409, 413, 414, 415, 417, 421, 422, 431, 503])

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
  `POST /echo HTTP/1.1\r\n${HOST}Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n`,
  `POST /echo HTTP/1.1\r\n${HOST}Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n\r\n`,
  `PUT /sum/1/2 HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
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
  'Origin: null\r\n',
  'Host: evil.example\r\n',
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

/** A request of nothing but chance: most of what reaches an open port. */
function random(below: (below: number) => number): Buffer {
  return Buffer.from(Array.from({ length: 1 + below(600) }, () => below(256)))
}

/** What came of a number of requests. */
export interface Judged {
  /** How often each status was answered; `closed` where the connection ended without one. */
  readonly statuses: Readonly<Record<string, number>>
  /** The requests whose status the guide does not state. */
  readonly wrong: readonly string[]
}

/** A gateway with a route of each kind, and short limits for who dawdles. */
export function targetOf(app: App, options: GatewayOptions = {}): Gateway {
  const sum = app.task('sum', { params: ['x', 'y'] }, (x: unknown, y: unknown) => `${x}${y}`)
  const echo = app.task('echo', (body: unknown) => body)
  const limits = { headersTimeout: 100, requestTimeout: 100, keepAliveTimeout: 50, bodyLimit: 5_000 }
  return gateway(app, { port: 0, ...limits, ...options })
    .get('/sum/:x/:y', sum)
    .post('/echo', echo, { args: ({ body }) => [body] })
    .post('/accept', echo, { args: ({ query }) => [query], reply: 'accept' })
}

/** Sends so many mutated and random requests, each on a connection of its own, and tells the statuses. */
export async function judgeRequests(
  url: string,
  { requests, atOnce, seed, onDone }: { requests: number; atOnce: number; seed: number; onDone?: () => void },
): Promise<Judged> {
  const draw = randomOf(seed)
  const seen: Record<string, number> = {}
  const wrong: string[] = []
  let left = requests
  const play = async (): Promise<void> => {
    const bytes = draw(10) === 0 ? random(draw) : mutated(draw)
    const got = [...(await answered(url, bytes)).matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
    for (const status of got.length === 0 ? ['closed' as const] : got) {
      seen[status] = (seen[status] ?? 0) + 1
      if (status === 'closed' || STATED.has(status)) continue
      wrong.push(`${status} for ${bytes.toString('latin1').slice(0, 300)}`)
    }
    onDone?.()
  }
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await play()
    }),
  )
  return { statuses: seen, wrong: wrong.slice(0, 10) }
}

/** Everything that comes back until the other side closes. */
function answered(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.setEncoding('latin1').on('data', (text: string) => (received += text))
    // A reset is an end too: what matters is what had come before.
    socket.on('error', () => {}).on('close', () => resolve(received))
  })
}

/** The first of the requests that the others are made from: it is answered with `{"results":"12"}`. */
export const PLAIN = SEEDS[0] as string
