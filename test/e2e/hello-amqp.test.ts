import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lovage, project, ROOT } from '../cli/lovage.ts'
import type { Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

const HELLO = join(ROOT, 'examples/hello/lovage.config.ts')
const READY = 'Ctrl-C stops it'

/** What takes long says which process it runs in, so that a test can end just that one. */
const SLOW = {
  'tasks.ts': `import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lovage } from 'lovage'
export const app = lovage('slow', { defaultQueue: 'slow' })
export const query = app.task('slow.query', async (key: string) => {
  // Who runs it first never ends it.
  const isFirst = !existsSync('begun')
  writeFileSync('begun', '')
  console.log('began ' + key + ' in ' + process.pid)
  if (isFirst) await sleep(600_000)
  return key
})
`,
  'gateway.ts': `import { gateway } from 'lovage/gateway'
import { app, query } from './tasks.ts'
export default gateway(app).get('/query', query, { args: ({ query: { key } }) => [String(key)], timeout: '30s' })
`,
  'lovage.config.ts': `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { web: { run: 'gateway', module: './gateway.ts' }, worker: { run: 'worker' } },
})
`,
}

describeWith(['rabbitmq'], 'the hello example over RabbitMQ, gateway and two workers in separate processes', () => {
  const children: Child[] = []
  let base: string

  beforeAll(async () => {
    const port = await freePort()
    base = `http://127.0.0.1:${port}`
    const env = { LOVAGE_BROKER_URL: await brokerUrl(import.meta.url), HELLO_LOOKUP_MS: '2000', HELLO_PAGE_MS: '150' }
    children.push(lovage(['gateway', '--config', HELLO, '--port', String(port)], { env }))
    for (const name of ['one', 'two']) children.push(lovage(['worker', '--config', HELLO, '-n', `${name}@%h`], { env }))
    await Promise.all(children.map((child) => child.line(READY, { timeoutMs: 90_000 })))
  })
  afterAll(async () => {
    await Promise.all(children.map((child) => child.kill()))
  })

  it('says in each process where it is and what it runs', () => {
    const [gateway, one, two] = children.map((child) => child.lines.join('\n'))
    for (const banner of [gateway, one, two]) expect(banner).toMatch(/broker +RabbitMQ at amqp:\/\/.*\*\*\*@/)
    expect(gateway).toContain(`gateway  ${base}`)
    expect(one).toMatch(/worker +one@.*: pool async, 250 at once, reads celery/)
    expect(two).toMatch(/worker +two@/)
  })

  it('answers with the result of a task', async () => {
    const response = await fetch(`${base}/add?x=1&y=2`)
    expect(await response.text()).toBe('{"results":3}')
  })

  it('accepts what takes long, tells how far it is, and has the result in the end', async () => {
    const accepted = await fetch(`${base}/report?pages=10`, { method: 'POST' })
    expect(accepted.status).toBe(202)
    const place = new URL(accepted.headers.get('location') ?? '', base)
    const seen = new Set<string>()
    for (;;) {
      const state = (await (await fetch(place)).json()) as { state: string; ready: boolean; result?: unknown }
      seen.add(state.state)
      if (!state.ready) continue
      expect(state.result).toMatchObject({ pages: 10 })
      break
    }
    expect([...seen]).toContain('PROGRESS')
  })

  it('has work for both workers', async () => {
    await Promise.all(
      Array.from({ length: 100 }, (_, x) => fetch(`${base}/add?x=${x}&y=2`).then((each) => each.text())),
    )
    const [, one, two] = children
    expect(await one?.line(/hello\.add\[.*\] done/)).toContain('queue')
    expect(await two?.line(/hello\.add\[.*\] done/)).toContain('queue')
  })

  it('answers /i_want_you_now while 200 clients wait for a slow lookup', { timeout: 150_000 }, async () => {
    const now = (): Promise<string> => fetch(`${base}/i_want_you_now`).then((response) => response.text())
    for (let warm = 0; warm < 100; warm++) await now()
    const alone = await times(now, (nth) => nth < 300)

    let answered = 0
    const lookups = Array.from({ length: 200 }, async (_, nth) => {
      const response = await fetch(`${base}/lookup?key=${nth}`)
      answered++
      return response.text()
    })
    const during = await times(now, () => answered === 0)
    const results = await Promise.all(lookups)

    const [p99Alone, p99During] = [p99(alone), p99(during)]
    console.log(
      `/i_want_you_now: p99 ${p99Alone.toFixed(1)} ms alone, ${p99During.toFixed(1)} ms while 200 clients wait for lookups`,
    )
    expect(results).toEqual(Array.from({ length: 200 }, (_, nth) => `{"results":{"key":"${nth}","found":true}}`))
    // All but the last of them were answered before any of the lookups was: whoever has to wait behind one is not.
    expect(during.length).toBeGreaterThan(5)
  })

  it('stops each process with exit code 0', async () => {
    const exits = await Promise.all(children.map((child) => child.stop()))
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0])
  })
})

describeWith(['rabbitmq'], 'kill -9 of a worker in the middle of a task', () => {
  const children: Child[] = []
  afterAll(async () => {
    await Promise.all(children.map((child) => child.kill()))
  })

  it('lets another worker run it, and the HTTP client has its answer', { timeout: 200_000 }, async () => {
    const cwd = project(SLOW)
    const port = await freePort()
    const env = { LOVAGE_BROKER_URL: await brokerUrl(import.meta.url) }
    const gateway = lovage(['gateway', '--port', String(port)], { cwd, env })
    const one = lovage(['worker', '-n', 'one'], { cwd, env })
    const two = lovage(['worker', '-n', 'two'], { cwd, env })
    children.push(gateway, one, two)
    await Promise.all(children.map((child) => child.line(READY, { timeoutMs: 90_000 })))

    const answer = fetch(`http://127.0.0.1:${port}/query?key=precious`).then((response) => response.text())
    const first = await Promise.any([one, two].map((worker) => worker.line('began precious').then(() => worker)))
    const other = first === one ? two : one
    await first.kill()

    expect(await other.line('began precious', { timeoutMs: 60_000 })).toContain(`in ${other.pid}`)
    expect(await answer).toBe('{"results":"precious"}')
  })
})

/** How long each call takes, one after the other as long as they go on. */
async function times(call: () => Promise<unknown>, goesOn: (nth: number) => boolean): Promise<number[]> {
  const tookMs: number[] = []
  for (let nth = 0; goesOn(nth); nth++) {
    const startedMs = performance.now()
    await call()
    tookMs.push(performance.now() - startedMs)
  }
  return tookMs
}

function p99(tookMs: readonly number[]): number {
  const sorted = tookMs.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? NaN
}
