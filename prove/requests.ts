// 100,000 random and mutated requests get stated statuses only, with 500 slow clients beside them; memory stays flat.
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { lovage } from '../src/app/app.ts'
import { worker } from '../src/worker/worker.ts'
import { judgeRequests, PLAIN, targetOf } from '../test/gateway/mutated-requests.ts'

/** Beyond this growth of the heap, from a tenth of the way to the end, something is kept. */
const MOST_GROWTH_MB = 16

/** `rounds` are requests. */
export async function run({ rounds = 100_000, seed }: ProofOptions): Promise<Proof> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const app = lovage('shop', { broker: `memory://${randomUUID()}` }, { env: {} })
  const web = targetOf(app, { headersTimeout: '500ms', requestTimeout: '500ms' })
  const hands = worker(app, { gracePeriod: 0 })
  await hands.start()
  await web.start()
  const url = web.url as string

  const heapMb = (): number => {
    collect()
    return Math.round(process.memoryUsage().heapUsed / 2 ** 17) / 8
  }
  const slow = slowClients(url, 500)
  let done = 0
  let early: number | undefined
  const rssMb: number[] = []
  const onDone = (): void => {
    done++
    if (done === Math.ceil(rounds / 10)) early = heapMb()
    if (done % Math.ceil(rounds / 10) === 0) rssMb.push(Math.round(process.memoryUsage().rss / 2 ** 20))
  }
  const { statuses, wrong } = await judgeRequests(url, { requests: rounds, atOnce: 200, seed, onDone })
  const slowStatuses = await slow.end()
  const late = heapMb()
  const after = await answerOf(url, PLAIN)
  const { inFlight } = web
  await web.stop()
  await hands.stop()
  await app.close()

  const growthMb = late - (early ?? 0)
  const slowWrong = Object.keys(slowStatuses).filter((status) => status !== '408' && status !== 'closed')
  const holds =
    wrong.length === 0 &&
    slowWrong.length === 0 &&
    growthMb < MOST_GROWTH_MB &&
    inFlight === 0 &&
    after.includes('"12"')
  const heap = { afterOneTenthMb: early, atTheEndMb: late, growthMb, allowedMb: MOST_GROWTH_MB }
  return { holds, figures: { requests: rounds, statuses, wrong, slow: slowStatuses, heap, rssMb, inFlight } }
}

/** Clients that send a header line a letter at a time, each again when it is sent away, until the end. */
function slowClients(url: string, count: number): { end(): Promise<Record<string, number>> } {
  const { hostname, port } = new URL(url)
  const seen: Record<string, number> = {}
  let isOver = false
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      let received = ''
      let drip: NodeJS.Timeout | undefined
      const socket = connect(Number(port), hostname, () => {
        socket.write('GET /sum/1/2 HTTP/1.1\r\nHost: localhost\r\nX: ')
        drip = setInterval(() => socket.write('x'), 1_000)
      })
      socket.setEncoding('latin1').on('data', (text: string) => (received += text))
      socket.on('error', () => {})
      socket.on('close', () => {
        clearInterval(drip)
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1] ?? 'closed'
        seen[status] = (seen[status] ?? 0) + 1
        resolve()
      })
    })
  const all = Array.from({ length: count }, async () => {
    while (!isOver) await one()
  })
  return {
    end: async () => {
      isOver = true
      await Promise.all(all)
      return seen
    },
  }
}

function answerOf(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(Number(port), hostname, () => socket.write(request))
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      if (received.endsWith('}')) socket.destroy()
    })
    socket.on('error', () => {}).on('close', () => resolve(received))
  })
}
