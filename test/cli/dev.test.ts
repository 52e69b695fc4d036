import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { runChild, startChild, type Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { workMs } from '../services/work-time.ts'
import { lovage, project, ROOT, run, write, type LovageOptions } from './lovage.ts'

const HELLO = join(ROOT, 'examples/hello/lovage.config.ts')

const TASKS = `import { lovage } from 'lovage'
export const app = lovage('shop')
export const answer = app.task('shop.answer', () => 'first')
`
const GATEWAY = `import { gateway } from 'lovage/gateway'
import { answer, app } from './tasks.ts'
export default gateway(app).get('/answer', answer)
`
const CONFIG = `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { web: { run: 'gateway', module: './gateway.ts' }, worker: { run: 'worker' } },
})
`
const SHOP = { 'tasks.ts': TASKS, 'gateway.ts': GATEWAY, 'lovage.config.ts': CONFIG }
const BANNER = 'Ctrl-C stops it'

/** Who waits for anything when stopped waits for 10 s, the grace period of a gateway. */
const AT_ONCE_MS = 9_000

let running: Child | undefined
afterEach(async () => {
  await running?.kill()
  running = undefined
})

function dev(args: readonly string[], options?: LovageOptions): Child {
  running = lovage(['dev', ...args], options)
  return running
}

const textOf = async (url: string): Promise<string> => (await fetch(url)).text()

describe('lovage dev with the hello example', () => {
  it('shows with less than 5 s of work what runs where, in plain text when stdout is no terminal', async () => {
    const port = await freePort()
    const child = dev(['--config', HELLO, '--port', String(port)])
    await child.line(BANNER)
    expect(workMs(child.pid)).toBeLessThan(5_000)
    const banner = child.lines.join('\n')
    expect(banner).toMatch(/app +hello, 3 tasks/)
    expect(banner).toMatch(/broker +embedded, in \.lovage: what waits outlives this process/)
    expect(banner).toMatch(/worker +.*pool async, \d+ at once, reads celery/)
    expect(banner).toMatch(new RegExp(`gateway +http://127\\.0\\.0\\.1:${port}`))
    expect(banner).toMatch(/dashboard +http:\/\/127\.0\.0\.1:\d+/)
    // oxlint-disable-next-line no-control-regex
    expect(banner).not.toMatch(/\u001b/)
  })

  it('gives the answers that its banner promises to the commands that it shows', { timeout: 300_000 }, async () => {
    const port = await freePort()
    const child = dev(['--config', HELLO, '--port', String(port)], { env: { HELLO_LOOKUP_MS: '1000' } })
    await child.line(BANNER)
    const { lines } = child
    const commands = lines.filter((line) => line.trim().startsWith('curl ')).map((line) => line.trim())
    const answers = commands.map((command) => lines[lines.findIndex((line) => line.trim() === command) + 1]?.trim())
    expect(answers).toEqual([
      '-> {"results":3}',
      '-> 202 Accepted, with a Location: /tasks/<id>',
      '-> {"results":"here I am"} at once, the lookup later',
    ])
    const output = (command = ''): Promise<string[]> =>
      runChild('sh', ['-c', `${command.replaceAll('curl', 'curl -sS')}; wait`])

    expect(await output(commands[0])).toEqual(['{"results":3}'])

    const accepted = (await output(commands[1])).join('\n')
    expect(accepted).toMatch(/^HTTP\/1\.1 202 Accepted/)
    const [, location = ''] = /^location: (\/tasks\/[0-9a-f-]{36})$/m.exec(accepted) ?? []
    expect(await textOf(`http://127.0.0.1:${port}${location}`)).toContain('"task":"hello.report"')

    expect((await output(commands[2])).join('')).toBe(
      '{"results":"here I am"}{"results":{"key":"anything","found":true}}',
    )
  })

  it('prints one line a request: task, queue wait, run time, total', async () => {
    const port = await freePort()
    const child = dev(['--config', HELLO, '--port', String(port)])
    await child.line(BANNER)
    expect(await textOf(`http://127.0.0.1:${port}/add?x=1&y=2`)).toBe('{"results":3}')
    const line = await child.line('GET /add')
    expect(line).toMatch(/GET \/add\?x=1&y=2 200 hello\.add +queue [\d.]+ ms +run [\d.]+ ms +total [\d.]+ ms/)
    expect(await textOf(`http://127.0.0.1:${port}/i_want_you_now`)).toBe('{"results":"here I am"}')
    await child.line('GET /i_want_you_now 200')
    await child.stop()
    expect(child.lines.filter((each) => each.includes('hello.add'))).toHaveLength(1)
  })

  it('writes its log as JSON with --log-format json', async () => {
    const port = await freePort()
    const child = dev(['--config', HELLO, '--port', String(port), '--log-format', 'json'])
    await child.line(BANNER)
    await textOf(`http://127.0.0.1:${port}/add?x=1&y=2`)
    const line = JSON.parse(await child.line('"msg":"request"')) as Record<string, unknown>
    expect(line).toMatchObject({ level: 30, room: 'gateway', task: 'hello.add', status: 200 })
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with exit code 0 on %s, at once when idle', async (signal) => {
    const child = dev(['--config', HELLO, '--port', '0'])
    await child.line(BANNER)
    const startedMs = performance.now()
    // As a terminal does it: to the whole group, child included.
    child.signalGroup(signal)
    expect(await child.ended()).toEqual({ code: 0, signal: null })
    expect(performance.now() - startedMs).toBeLessThan(AT_ONCE_MS)
  })

  it('ends npm start with exit code 0, although npm passes on the signal that the terminal has sent to all', async () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } }
    const [build, start = ''] = scripts.start.split(' && ')
    expect(build).toBe('npm run build --silent')
    // Without the build, which other tests would see at work; everything else as it is.
    const cwd = temporaryFolder('start')
    const script = start.replaceAll(/(dist|examples)\/\S+/g, (path) => JSON.stringify(join(ROOT, path)))
    write(cwd, { 'package.json': JSON.stringify({ name: 'start', scripts: { start: script } }) })
    running = startChild('npm', ['start'], { cwd, env: { LOVAGE_PORT: '0', LOVAGE_BROKER_URL: undefined } })
    await running.line(BANNER)
    const startedMs = performance.now()
    running.signalGroup('SIGINT')
    expect(await running.ended()).toEqual({ code: 0, signal: null })
    expect(performance.now() - startedMs).toBeLessThan(AT_ONCE_MS)
  })

  it('lets a request in flight have its answer before it ends', async () => {
    const port = await freePort()
    const child = dev(['--config', HELLO, '--port', String(port)], { env: { HELLO_LOOKUP_MS: '1000' } })
    await child.line(BANNER)
    const answer = textOf(`http://127.0.0.1:${port}/lookup?key=last`)
    // The other request was sent after it: when this is answered, that one is in.
    await textOf(`http://127.0.0.1:${port}/i_want_you_now`)
    child.signal('SIGINT')
    expect(await answer).toBe('{"results":{"key":"last","found":true}}')
    expect((await child.ended()).code).toBe(0)
  })
})

describe('lovage dev and its child process', () => {
  it('end together, even when the parent is killed', async () => {
    const child = dev(['--config', HELLO, '--port', '0'])
    await child.line(BANNER)
    child.signal('SIGKILL')
    // Its output ends only when nobody holds it any more, the child included.
    expect((await child.ended()).signal).toBe('SIGKILL')
  })
})

describe('lovage dev when the port is taken', () => {
  it.each([[[]], [['--no-reload']]])(
    'says so and how to choose another, and ends with exit code 1 %s',
    async (more) => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const { code, text } = await run(['dev', '--config', HELLO, ...more], { env: { LOVAGE_PORT: String(port) } })
      server.close()
      expect(text).toContain(`✗ Port ${port} on 127.0.0.1 is taken`)
      expect(text).toMatch(/next: .*--port, LOVAGE_PORT/)
      expect(text).toContain('PORT_IN_USE')
      expect(code).toBe(1)
    },
  )
})

describe('lovage dev on a change', () => {
  it(
    'answers with the new version, and goes on with the old one while the new one is broken',
    { timeout: 400_000 },
    async () => {
      const cwd = project(SHOP)
      const port = await freePort()
      const child = dev(['--port', String(port)], { cwd })
      await child.line(BANNER)
      const url = `http://127.0.0.1:${port}/answer`
      expect(await textOf(url)).toBe('{"results":"first"}')

      write(cwd, { 'tasks.ts': TASKS.replace("'first'", "'second'") })
      await child.line(/· reloaded in/)
      expect(await textOf(url)).toBe('{"results":"second"}')

      const from = child.lines.length
      write(cwd, { 'tasks.ts': `${TASKS}throw new Error('broken by hand')\n` })
      await child.line(/✗ Module .*tasks\.ts could not be loaded: broken by hand/, { from })
      await child.line(/tasks\.ts:4/, { from })
      await child.line('the version before goes on; waiting for the next change', { from })
      expect(await textOf(url)).toBe('{"results":"second"}')

      const then = child.lines.length
      write(cwd, { 'tasks.ts': TASKS.replace("'first'", "'third'") })
      await child.line(/· reloaded in/, { from: then })
      expect(await textOf(url)).toBe('{"results":"third"}')
      expect(await child.stop()).toEqual({ code: 0, signal: null })
    },
  )

  it('waits for the change that mends a module that never loaded', async () => {
    const cwd = project({ ...SHOP, 'tasks.ts': `${TASKS}const x: = 1\n` })
    const port = await freePort()
    const child = dev(['--port', String(port)], { cwd })
    await child.line(/✗ Module .*tasks\.ts could not be loaded/)
    await child.line(/tasks\.ts:4/)
    await child.line('waiting for the next change')
    write(cwd, { 'tasks.ts': TASKS })
    await child.line(BANNER)
    expect(await textOf(`http://127.0.0.1:${port}/answer`)).toBe('{"results":"first"}')
  })

  it('waits for the next change when user code ends the process', async () => {
    const cwd = project({
      ...SHOP,
      'gateway.ts': GATEWAY.replace('/answer', '/end')
        .replace('answer, app', 'app')
        .replace("'/end', answer", "'/end', app.task('shop.end', () => process.exit(7))"),
    })
    const port = await freePort()
    const child = dev(['--port', String(port)], { cwd })
    await child.line(BANNER)
    await expect(textOf(`http://127.0.0.1:${port}/end`)).rejects.toThrow('fetch failed')
    await child.line('The process ended by itself: exit code 7')
    await child.line('waiting for the next change')
    write(cwd, { 'gateway.ts': GATEWAY })
    await child.line(/· reloaded in/)
    expect(await textOf(`http://127.0.0.1:${port}/answer`)).toBe('{"results":"first"}')
  })

  it('tells an error that nobody caught by its place, without a stack', async () => {
    const cwd = project({
      ...SHOP,
      'gateway.ts': GATEWAY.replace(
        "'/answer', answer",
        "'/throw', app.task('shop.throw', () => void setImmediate(() => { throw new Error('fell through') }))",
      ).replace('answer, ', ''),
    })
    const port = await freePort()
    const child = dev(['--port', String(port)], { cwd })
    await child.line(BANNER)
    await textOf(`http://127.0.0.1:${port}/throw`).catch(() => undefined)
    await child.line('✗ fell through')
    expect(await child.line('where:')).toContain('gateway.ts:3')
    await child.line('waiting for the next change')
    expect(child.lines.join('\n')).not.toMatch(/^\s+at /m)
  })

  it('says how many messages went with the memory of the version before', async () => {
    const cwd = project({
      ...SHOP,
      'tasks.ts': TASKS.replace("'shop.answer', ", "'shop.answer', { queue: 'unread' }, "),
      'gateway.ts': GATEWAY.replace("'/answer', answer", "'/answer', answer, { reply: 'accept' }"),
    })
    const port = await freePort()
    const child = dev(['--port', String(port)], { cwd, env: { LOVAGE_BROKER_URL: 'memory://dev' } })
    await child.line(/broker +in memory, in this process: what waits is lost when it ends/)
    await child.line(BANNER)
    for (let nth = 0; nth < 3; nth++) await textOf(`http://127.0.0.1:${port}/answer`)
    write(cwd, { 'extra.ts': 'export {}' })
    expect(await child.line('that waited in the memory')).toContain('3 messages')
    await child.line(/· reloaded in/)
  })

  it('sees modules in folders that appear later', async () => {
    const cwd = project(SHOP)
    const child = dev(['--port', '0'], { cwd })
    await child.line(BANNER)
    write(cwd, { 'parts/images.ts': 'export const size = 64\n' })
    await child.line(/images\.ts changed/)
    await child.line(/· reloaded in/)
    const from = child.lines.length
    write(cwd, { 'parts/images.ts': 'export const size = 128\n' })
    expect(await child.line(/images\.ts changed/, { from })).toContain('parts/images.ts')
  })

  it('leaves it at the first version with --no-reload', async () => {
    const cwd = project(SHOP)
    const port = await freePort()
    const child = dev(['--port', String(port), '--no-reload'], { cwd })
    await child.line(BANNER)
    write(cwd, { 'tasks.ts': TASKS.replace("'first'", "'second'") })
    expect(await textOf(`http://127.0.0.1:${port}/answer`)).toBe('{"results":"first"}')
    expect(await child.stop()).toEqual({ code: 0, signal: null })
  })
})

it('the README of the example has the answers of its banner', () => {
  const readme = readFileSync(join(ROOT, 'examples/hello/README.md'), 'utf8')
  for (const answer of ['{"results":3}', '202 Accepted', '{"results":"here I am"}']) expect(readme).toContain(answer)
})
