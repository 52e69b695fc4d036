import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lovage, project, ROOT, run, write } from '../cli/lovage.ts'
import { type Child, runChild } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const HELLO = join(ROOT, 'examples/hello/lovage.config.ts')
const READY = { pattern: 'Ctrl-C stops it', timeoutMs: 90_000 }

const folder = temporaryFolder()

/** What takes long says which process it runs in, so that a test can end just that one. */
const SLOW = {
  'tasks.ts': `import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { lovage } from 'lovage'
export const app = lovage('slow')
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

/** The process whose thread has the journal now. */
function ownerOf(home: string): number {
  const path = join(home, 'broker', 'owner.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid : 0
}

describe('the hello example on the embedded broker, gateway and two workers in separate processes', () => {
  const home = join(folder, 'hello')
  const env = { LOVAGE_HOME: home, HELLO_LOOKUP_MS: '500', HELLO_PAGE_MS: '150' }
  const children: Child[] = []
  let base: string
  const start = async (args: string[]): Promise<Child> => {
    const child = lovage([...args, '--config', HELLO], { env })
    children.push(child)
    await child.line(READY.pattern, READY)
    return child
  }
  const sum = async (x: number): Promise<string> => (await fetch(`${base}/add?x=${x}&y=2`)).text()
  const sums = (count: number): Promise<string[]> => Promise.all(Array.from({ length: count }, (_, x) => sum(x)))
  const expectedSums = (count: number): string[] => Array.from({ length: count }, (_, x) => `{"results":${x + 2}}`)
  const alive = (): Child[] => children.filter((child) => !child.exit)

  beforeAll(async () => {
    const port = await freePort()
    base = `http://127.0.0.1:${port}`
    // All at once: who comes first is the owner.
    await Promise.all([
      start(['gateway', '--port', String(port)]),
      start(['worker', '-n', 'one@%h']),
      start(['worker', '-n', 'two@%h']),
    ])
  })
  afterAll(async () => {
    await Promise.all(children.map((child) => child.kill()))
  })

  it('say in each process where the data lies, and have one owner', () => {
    for (const { lines } of children) {
      expect(lines.join('\n')).toMatch(/broker +embedded, in .*hello: what waits outlives this process/)
      expect(lines.join('\n')).toMatch(/results +kept there too/)
    }
    expect(children.map(({ pid }) => pid)).toContain(ownerOf(home))
    expect(readdirSync(join(home, 'broker'))).toContain('owner-1')
  })

  it('answer with the results of tasks, from both workers', async () => {
    expect(await sums(100)).toEqual(expectedSums(100))
    const workers = children.filter(({ name }) => name.includes('worker'))
    for (const worker of workers) expect(await worker.line(/hello\.add\[.*\] done/)).toContain('queue')
  })

  it('accept what takes long, tell how far it is, and have the result in the end', async () => {
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

  it('take one more, and a caller from the command line', { timeout: 300_000 }, async () => {
    const three = await start(['worker', '-n', 'three@%h'])
    await Promise.all([sums(100), three.line(/hello\.add\[.*\] done/)])
    const { code, text } = await run(['call', 'hello.add', '20', '22', '--config', HELLO], { env })
    expect([code, text]).toEqual([0, '42'])
  })

  it('go on when one is killed, and when the owner is, with every request answered', { timeout: 300_000 }, async () => {
    const workers = (): Child[] => alive().filter(({ name }) => name.includes('worker'))
    const during = sums(200)
    await workers()
      .find(({ pid }) => pid !== ownerOf(home))
      ?.kill()
    expect(await during).toEqual(expectedSums(200))
    // The gateway is the door: where it owns the engine, it may not be the one to go.
    const owner = workers().find(({ pid }) => pid === ownerOf(home))
    const meanwhile = sums(200)
    await owner?.kill()
    expect(await meanwhile).toEqual(expectedSums(200))
    await expect
      .poll(() =>
        alive()
          .map(({ pid }) => pid)
          .includes(ownerOf(home)),
      )
      .toBe(true)
  })

  it('stop each with exit code 0', async () => {
    const exits = await Promise.all(alive().map((child) => child.stop()))
    expect(new Set(exits.map(({ code }) => code))).toEqual(new Set([0]))
  })
})

describe('kill -9 of the owner, which is a worker in the middle of a task', () => {
  const children: Child[] = []
  afterAll(async () => {
    await Promise.all(children.map((child) => child.kill()))
  })

  it('lets another worker run it, and the HTTP client has its answer', { timeout: 300_000 }, async () => {
    const cwd = project(SLOW)
    const home = join(cwd, '.lovage')
    const port = await freePort()
    const start = async (...args: string[]): Promise<Child> => {
      const child = lovage(args, { cwd })
      children.push(child)
      await child.line(READY.pattern, READY)
      return child
    }
    const owner = await start('worker', '-n', 'one')
    const gateway = await start('gateway', '--port', String(port))
    expect(ownerOf(home)).toBe(owner.pid)

    const answer = fetch(`http://127.0.0.1:${port}/query?key=precious`).then((response) => response.text())
    await owner.line('began precious')
    await owner.kill()
    await expect.poll(() => ownerOf(home)).toBe(gateway.pid)
    const other = await start('worker', '-n', 'two')
    expect(await other.line('began precious', { timeoutMs: 60_000 })).toContain(`in ${other.pid}`)
    expect(await answer).toBe('{"results":"precious"}')
    expect(ownerOf(home)).toBe(gateway.pid)
  })

  it('keeps what waits and what was answered while nothing runs at all', { timeout: 300_000 }, async () => {
    const cwd = project(SLOW)
    write(cwd, { begun: '' })
    const { text: id, code } = await run(['call', 'slow.query', 'later', '--no-wait'], { cwd })
    expect([code, id]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}$/)])
    const worker = lovage(['worker'], { cwd })
    children.push(worker)
    await worker.line('began later', READY)
    await worker.line(/slow\.query\[.*\] done/)
    await worker.stop()
    const found = await run(['result', id], { cwd })
    expect([found.code, found.text]).toEqual([0, '"later"'])
  })
})

describe('a program of a few lines, without any configuration', () => {
  it.each([
    ['read from a file', ['main.mjs']],
    ['given on the command line, with flags of its own', ['--input-type=module', '--eval']],
  ])('sends a task and ends, %s', async (_how, args) => {
    const program =
      "import { lovage } from 'lovage'\n" +
      "const app = lovage('tiny')\n" +
      "const { id } = await app.sendTask('tiny.noop')\n" +
      "await app.close()\nconsole.log('sent ' + typeof id)\n"
    const cwd = project({ 'main.mjs': program })
    const code = args.includes('--eval') ? [program] : []
    const env = { LOVAGE_HOME: undefined, LOVAGE_BROKER_URL: undefined }
    expect(await runChild(process.execPath, [...args, ...code], { cwd, env })).toEqual(['sent string'])
    expect(readdirSync(join(cwd, '.lovage/broker')).filter((name) => name.startsWith('journal-'))).toHaveLength(1)
  })
})
