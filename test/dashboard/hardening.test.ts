import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import prometheus from 'prom-client'
import type { App } from '../../src/app/app.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { Attempts } from '../../src/dashboard/auth-attempts.ts'
import { Sessions } from '../../src/dashboard/auth-sessions.ts'
import type { DashboardContext } from '../../src/dashboard/context.ts'
import { FlowerMetrics } from '../../src/dashboard/flower-metrics.ts'
import { Jobs } from '../../src/dashboard/jobs.ts'
import { QueueBook } from '../../src/dashboard/fleet/queue-book.ts'
import { History } from '../../src/dashboard/history/history.ts'
import { Segments } from '../../src/dashboard/history/segments.ts'
import { Hosts } from '../../src/dashboard/read/hosts.ts'
import { Redactor } from '../../src/dashboard/redact.ts'
import type { Redact } from '../../src/dashboard/tasks/take-event.ts'
import { KnownTasks } from '../../src/dashboard/tasks/known-tasks.ts'
import type { HeardEvent } from '../../src/fleet/listener.ts'
import { cookieOf, openBoard, threeUsers } from './open-board.ts'

const NOW_MS = systemClock.now()

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'lovage-hardening-'))))
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

function known(redact?: Redact): KnownTasks {
  const limits = { maxTasks: 1_000, maxTextBytes: 2 ** 24, redact }
  return new KnownTasks({ ...limits, clock: systemClock, queueOf: () => undefined, actionsOf: () => [] })
}

function heard(type: string, uuid: string, fields: object = {}): HeardEvent {
  const base = { hostname: 'one@here', utcoffset: 0, pid: 1, clock: 1, timestamp: NOW_MS / 1000, heardAtMs: NOW_MS }
  return { ...base, type, fields: { uuid, ...fields } }
}

const redactor = new Redactor({ tasks: { 'auth.*': { args: [0], result: true, error: true } } })
const redact: Redact = (field, text, name) => {
  const shown: Record<string, unknown> = redactor.task({ name, [field]: text })
  return String(shown[field])
}

describe('what a rule hides of a task', () => {
  it('is hidden while its name is not known: its first events may have been missed', () => {
    const index = known(redact)
    index.hear([
      heard('task-succeeded', 'a', { result: "'s3cret'" }),
      heard('task-failed', 'b', { exception: 'pin 81' }),
    ])
    index.hear([heard('task-received', 'a', { name: 'auth.login', args: "('s3cret', 2)" })])
    expect(index.detail('a')).toMatchObject({ name: 'auth.login', result: '***', args: '(***, 2)' })
    expect(index.detail('b')?.error).toBe('***')
    expect(redactor.result(null, 's3cret')).toBe('***')
  })

  it('is that of its own rules wherever the name stands in an event', () => {
    const index = known(redact)
    index.hear([heard('task-received', 'a', { args: '(1, 2)', name: 'shop.add' })])
    index.hear([heard('task-received', 'b', { args: '(1, 2)', name: 'auth.login' })])
    expect([index.detail('a')?.args, index.detail('b')?.args]).toEqual(['(1, 2)', '(***, 2)'])
  })

  it('is hidden too of what was kept on disk before there was the rule', async () => {
    const before = known()
    const options = { folder, clock: systemClock, maxBytes: 2 ** 26, ageMs: 86_400_000 }
    const history = new History({ ...options, index: before })
    await history.begin()
    before.hear([heard('task-received', 'a', { name: 'auth.login', args: "('s3cret',)" })])
    before.hear([heard('task-succeeded', 'a', { result: "'s3cret'" })])
    await history.end()
    const after = known(redact)
    const again = new History({ ...options, index: after })
    await again.begin()
    expect(after.detail('a')).toMatchObject({ args: '(***,)', result: '***' })
    await again.end()
  })

  it('is hidden in what hosts and batches tell on the stream', async () => {
    const facts = { group: 'g', name: 'p', statename: 'FATAL', description: '', pid: 0, start: 0, stop: 0 }
    const process = { ...facts, exitstatus: 0, spawnerr: "can't run: --password=s3cret" } as never
    const source = {
      hosts: [{ name: 'one', tags: [] }],
      status: async () => [{ host: 'one', processes: [process] }],
    } as never
    const hosts = new Hosts(source, systemClock, (text) => redactor.text(text))
    await hosts.ask()
    expect(JSON.stringify([hosts.list(), hosts.attention()])).not.toContain('s3cret')
  })
})

describe('the history', () => {
  it('has its tasks although the file of its charts was torn', async () => {
    const options = { folder, clock: systemClock, maxBytes: 2 ** 26, ageMs: 86_400_000 }
    const before = known()
    const history = new History({ ...options, index: before })
    await history.begin()
    before.hear([heard('task-received', 'a', { name: 'shop.add' })])
    await history.end()
    writeFileSync(join(folder, 'series.json'), '{"1":[[17')
    const after = known()
    const again = new History({ ...options, index: after })
    await again.begin()
    expect(after.get('a')?.name).toBe('shop.add')
    await again.end()
  })

  it('neither loses files nor fills a full disk with them, and goes on when there is room', async () => {
    const probe = await open(join(folder, 'probe'), 'w')
    const handles = Object.getPrototypeOf(probe) as { appendFile(data: Buffer): Promise<void> }
    await probe.close()
    const append = handles.appendFile
    const fill = (): unknown =>
      vi.spyOn(handles, 'appendFile').mockImplementation(async function (this: typeof handles, data: Buffer) {
        await append.call(this, data.subarray(0, data.length >> 1))
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      })
    fill()
    const segments = new Segments(join(folder, 'tasks'), systemClock, { maxBytes: 2 ** 26, ageMs: 86_400_000 })
    const tries = async (): Promise<void> => {
      for (let at = 0; at < 5; at++) await expect(segments.append([`{"id":"${at}"}`])).rejects.toThrow('ENOSPC')
    }
    await tries()
    expect(readdirSync(join(folder, 'tasks'))).toHaveLength(0)
    vi.restoreAllMocks()
    await segments.append(['one'])
    fill()
    await tries()
    vi.restoreAllMocks()
    await segments.append(['two'])
    expect(readdirSync(join(folder, 'tasks'))).toHaveLength(1)
    const lines: string[] = []
    for await (const line of segments.read()) lines.push(line)
    expect(lines).toEqual(['two', 'one'])
    await segments.close()
  })
})

describe('logins', () => {
  it('end the streams that were opened by them', async () => {
    const board = await openBoard({ users: await threeUsers() })
    try {
      const cookie = await cookieOf(board, 'vera')
      const over = new Promise<string>((resolve, reject) => {
        get(`${board.dashboard.url}/api/v1/live?topics=overview`, { headers: { cookie } }, (response) => {
          response.once('data', () => {
            void board.post('/api/v1/logout', {}, { cookie, origin: board.dashboard.url ?? '' })
          })
          response.resume()
          response.once('close', () => resolve('over'))
        }).on('error', reject)
      })
      expect(await over).toBe('over')
    } finally {
      await board.close()
    }
  }, 120_000)

  it('neither hold longer nor keep people waiting because the clock was set back', () => {
    let monotonicMs = 0
    let setMs = 0
    const clock: Clock = {
      ...systemClock,
      now: () => NOW_MS + monotonicMs + setMs,
      monotonic: () => monotonicMs,
    }
    const sessions = new Sessions(clock, 3_600_000)
    const attempts = new Attempts(clock)
    const token = sessions.begin('ana')
    for (let at = 0; at < 6; at++) attempts.failed('name ana')
    setMs = -86_400_000
    monotonicMs = 3_600_000
    expect(attempts.waitMs('name ana')).toBe(0)
    expect(sessions.userOf(token)).toBeUndefined()
  })

  it('are not guessed by a crowd either, and each wrong password is written down', async () => {
    const board = await openBoard({ users: await threeUsers() })
    try {
      const basic = (at: number) => ({ authorization: `Basic ${Buffer.from(`ana:guess${at}`).toString('base64')}` })
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => board.ask('/api/v1/session', { headers: basic(at) })),
      )
      const wrong = answers.filter(({ status }) => status === 401).length
      // Two are checked side by side.
      expect(wrong).toBeLessThanOrEqual(7)
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - wrong)
      const audit = readFileSync(join(board.folder, 'data', 'audit.jsonl'), 'utf8')
        .trim()
        .split('\n')
      expect(audit).toHaveLength(wrong)
      expect(JSON.parse(audit[0] ?? '')).toMatchObject({ user: 'ana', action: 'login', outcome: 'refused' })
    } finally {
      await board.close()
    }
  }, 120_000)
})

describe('actions', () => {
  it('answer for each that was named, whatever it is called, and for workers that are not there', async () => {
    const board = await openBoard()
    try {
      const again = await board.post('/api/v1/actions/task-retry', { target: ['__proto__'] })
      expect(again.json.ok).toBe(false)
      expect(again.text).toContain('"__proto__":{"ok":false')
      const gone = await board.post('/api/v1/actions/worker-shutdown', { target: 'celery@nowhere' })
      expect(gone.json).toMatchObject({ ok: false, text: expect.stringContaining('nothing is heard of it') as string })
      const cold = await board.post('/api/v1/actions/worker-shutdown', { target: 'celery@nowhere', how: 'cold' })
      expect(cold.json).toMatchObject({ ok: false, text: expect.stringContaining('was not told') as string })
    } finally {
      await board.close()
    }
  }, 120_000)
})

describe('large fleets and batches', () => {
  it('are read once for the metrics of all workers', async () => {
    let readings = 0
    const workers = Array.from({ length: 300 }, (_, at) => ({
      name: `w${at}`,
      status: at === 0 ? 'offline' : 'online',
    }))
    const fleet = {
      get workers() {
        readings++
        return workers
      },
    }
    const context = { clock: systemClock, options: { forgetAfterMs: 3_600_000 }, tasks: known(), fleet }
    const ofFlower = new FlowerMetrics(context as unknown as DashboardContext)
    ofFlower.hear(workers.map(({ name }) => ({ ...heard('worker-heartbeat', ''), hostname: name })))
    const registry = new prometheus.Registry()
    ofFlower.register(registry)
    const text = await registry.metrics()
    expect(text).toContain('flower_worker_online{worker="w0"} 0')
    expect(text).toContain('flower_worker_online{worker="w299"} 1')
    expect(readings).toBe(1)
  })

  it('leave the list of batches before it grows too long to be told each second', async () => {
    const jobs = new Jobs(systemClock, () => {})
    const targets = Array.from({ length: 9_000 }, (_, at) => String(at))
    for (const title of ['first', 'second', 'third']) {
      await new Promise<void>((resolve) => {
        const run = async () => ({ isError: false, text: 'done' })
        jobs.start({ title, by: 'ana', targets, run, atOnce: 100, stopOnFailure: false, onOver: () => resolve() })
      })
    }
    expect(jobs.list().map(({ title }) => title)).toEqual(['third', 'second'])
  })
})

describe('queues', () => {
  it('are told of although the broker does not tell of one of them', async () => {
    const admin = {
      depth: async (name: string) => {
        if (name.startsWith('odd')) throw new Error('ACCESS_REFUSED')
        return { queue: name, messages: name.endsWith('.dead') ? 0 : 3, consumers: 1 }
      },
    }
    const app = { client: async () => ({ broker: { state: 'connected', kind: 'amqp', admin } }) } as unknown as App
    const book = new QueueBook(app, systemClock)
    for (const name of ['mail', 'odd', 'x'.repeat(300), '']) book.name(name)
    await book.ask()
    expect(book.names()).toEqual(['mail', 'odd'])
    expect([book.get('mail')?.ready, book.get('odd')?.ready]).toEqual([3, null])
    expect(book.asOfMs).toBeGreaterThan(0)
    expect(book.staleBecause).toBe('odd: ACCESS_REFUSED')
  })
})
