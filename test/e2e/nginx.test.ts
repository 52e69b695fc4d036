import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { currentTask, lovage } from '../../src/index.ts'
import { gateway, type Gateway } from '../../src/gateway/gateway.ts'
import { worker } from '../../src/worker/worker.ts'
import { ROOT } from '../cli/lovage.ts'
import { describeWith } from '../services/available.ts'
import { NginxNode } from '../services/nginx-node.ts'

const shipped = readFileSync(join(ROOT, 'examples/nginx/lovage.conf'), 'utf8')

describeWith(['nginx'], 'three gateways behind nginx, as the example puts them there', () => {
  const ends: (() => Promise<unknown>)[] = []
  const gateways: Gateway[] = []
  const steps = { next: (): void => {} }
  let url: string

  beforeAll(async () => {
    const app = lovage('shop', { broker: `memory://${randomUUID()}` }, { env: {} })
    ends.push(() => app.close())
    const add = app.task('add', (x: number, y: number) => x + y)
    const slow = app.task('slow', async () => {
      for (let step = 1; step <= 2; step++) {
        currentTask().progress({ step })
        await new Promise<void>((resolve) => (steps.next = resolve))
      }
      return 'done'
    })
    for (let i = 0; i < 3; i++) {
      const one = gateway(app, { port: 0, metrics: true, timeout: '60s' })
        .get('/add', add, { args: ({ query }) => [Number(query['x']), Number(query['y'])] })
        .post('/slow', slow, { reply: 'accept' })
        .handle('GET', '/who', () => String(i))
      await one.start()
      gateways.push(one)
      ends.push(() => one.stop())
    }
    const running = worker(app, { gracePeriod: 0 })
    await running.start()
    ends.push(() => running.stop())
    const ports = gateways.map((one) => new URL(one.url as string).port)
    const nginx = await NginxNode.serve((port) =>
      shipped
        .replace('listen 80;', `listen 127.0.0.1:${port};`)
        .replace(/127\.0\.0\.1:800(\d)/g, (_all, at: string) => `127.0.0.1:${ports[Number(at) - 1]}`),
    )
    ends.push(() => nginx.remove())
    url = nginx.url
  })
  afterAll(async () => {
    for (const end of ends.toReversed()) await end()
  })

  it('shares requests out to all of them', async () => {
    const who = await Promise.all(Array.from({ length: 60 }, () => fetch(`${url}/who`).then((answer) => answer.text())))
    expect(new Set(who)).toEqual(new Set(['0', '1', '2']))
    expect(await (await fetch(`${url}/add?x=1&y=2`)).json()).toEqual({ results: 3 })
  })

  it('passes events on as they happen, and the whole stream ends', async () => {
    const accepted = await fetch(`${url}/slow`, { method: 'POST' })
    expect(accepted.status).toBe(202)
    const location = accepted.headers.get('location') as string
    const events = await fetch(`${url}${location}/events`)
    expect(events.headers.get('content-type')).toMatch(/^text\/event-stream/)
    let seen = ''
    for await (const chunk of events.body as AsyncIterable<Uint8Array>) {
      seen += Buffer.from(chunk).toString()
      // Held back, the first step would never be seen, and the second not be told to come.
      if (seen.includes('"step":1') || seen.includes('"step":2')) steps.next()
    }
    expect(seen).toContain('done')
  }, 60_000)

  it('keeps large bodies, unknown hosts and state changes by pages elsewhere out', async () => {
    const large = await fetch(`${url}/slow`, { method: 'POST', body: Buffer.alloc(2 ** 20 + 1) })
    expect(large.status).toBe(413)
    const elsewhere = await fetch(`${url}/slow`, { method: 'POST', headers: { origin: 'http://evil.example' } })
    expect(elsewhere.status).toBe(403)
  })

  it('goes on when one of them stops', async () => {
    await gateways[1]?.stop()
    const answers = await Promise.all(Array.from({ length: 30 }, () => fetch(`${url}/add?x=2&y=2`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })
})
