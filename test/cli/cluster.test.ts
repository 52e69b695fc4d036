import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { removeFolder } from '../services/reaper.ts'
import { lovage, project, run } from './lovage.ts'

const folder = project({
  'tasks.js': `
    import { lovage } from 'lovage'
    export const app = lovage('shop', { broker: 'embedded://' })
  `,
  'web.js': `
    import { gateway } from 'lovage/gateway'
    import { app } from './tasks.js'
    export default gateway(app).handle('GET', '/who', () => String(process.pid))
  `,
  // The first is gone as soon as it has told that it answers; the second begins after that.
  'uneven.js': `
    import { existsSync, readFileSync, writeFileSync } from 'node:fs'
    import cluster from 'node:cluster'
    const nth = cluster.worker?.id
    if (nth === 1) {
      writeFileSync('first', String(process.pid))
      const { send } = process
      process.send = (message, ...rest) => {
        const end = message.lovage === 'ready' ? [() => process.kill(process.pid, 'SIGKILL')] : rest
        return send.call(process, message, ...end)
      }
    }
    const isGone = () => {
      try {
        process.kill(Number(readFileSync('first', 'utf8')), 0)
        return false
      } catch {
        return existsSync('first')
      }
    }
    while (nth === 2 && !isGone()) await new Promise((resolve) => setTimeout(resolve, 20))
    export { app } from './tasks.js'
    export { default } from './web.js'
  `,
  // The second begins when it is let.
  'waits.js': `
    import { existsSync, writeFileSync } from 'node:fs'
    import cluster from 'node:cluster'
    if (cluster.worker?.id === 2) {
      console.log('the second waits')
      while (!existsSync('begin')) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    export { app } from './tasks.js'
    export { default } from './web.js'
  `,
  'lovage.config.js': `export default { app: './tasks.js', processes: { web: { run: 'gateway', module: './web.js' } } }`,
})
afterAll(() => removeFolder(folder))

async function pid(url: string): Promise<number> {
  // A connection of its own: the first decides who answers.
  const response = await fetch(`${url}/who`, { headers: { connection: 'close' } })
  return Number(await response.text())
}

test('processes share a port, those that end are replaced, and a stop ends all', async () => {
  const child = lovage(['gateway', '--cluster', '2', '--port', '0', '--log-format', 'json'], { cwd: folder })
  onTestFinished(() => void child.kill())
  const { url } = JSON.parse(await child.line(/"listening"/, { timeoutMs: 60_000 })) as { url: string }
  await child.line(/cluster is up/, { timeoutMs: 60_000 })
  const seen = new Set<number>()
  await expect.poll(async () => seen.add(await pid(url)).size, { timeout: 60_000 }).toBe(2)

  const [killed] = seen as unknown as Iterable<number>
  process.kill(killed as number, 'SIGKILL')
  await child.line(/another takes its place/, { timeoutMs: 60_000 })
  await child.line(/process of the cluster is up/, { timeoutMs: 60_000 })
  const now = new Set<number>()
  await expect.poll(async () => now.add(await pid(url)).size, { timeout: 60_000 }).toBe(2)
  expect(now.has(killed as number)).toBe(false)

  process.kill(child.pid, 'SIGTERM')
  expect((await child.ended({ timeoutMs: 60_000 })).code).toBe(0)
  for (const one of now) expect(() => process.kill(one, 0)).toThrow(/ESRCH/)
}, 400_000)

test('who ends while others still begin is replaced too', async () => {
  const options = ['-A', 'uneven.js', '--cluster', '2', '--port', '0', '--log-format', 'json']
  const child = lovage(['gateway', ...options], { cwd: folder })
  onTestFinished(() => void child.kill())
  await child.line(/another takes its place/, { timeoutMs: 60_000 })
  await child.line(/process of the cluster is up/, { timeoutMs: 60_000 })
  process.kill(child.pid, 'SIGTERM')
  expect((await child.ended({ timeoutMs: 60_000 })).code).toBe(0)
}, 400_000)

test('a reload does not end who still begins', async () => {
  const options = ['-A', 'waits.js', '--cluster', '2', '--port', '0', '--log-format', 'json']
  const child = lovage(['gateway', ...options], { cwd: folder })
  onTestFinished(() => void child.kill())
  await child.line('the second waits', { timeoutMs: 60_000 })
  await child.line(/"listening"/, { timeoutMs: 60_000 })
  // It is there when the first answers its signal, and the second has had its own by then.
  await expect.poll(() => (child.signal('SIGHUP'), child.lines.join()), { timeout: 60_000 }).toContain('read again')
  writeFileSync(join(folder, 'begin'), '')
  await child.line(/cluster is up/, { timeoutMs: 60_000 })
  process.kill(child.pid, 'SIGTERM')
  expect((await child.ended({ timeoutMs: 60_000 })).code).toBe(0)
}, 400_000)

test('a stop while it begins is no failure', async () => {
  const child = lovage(['gateway', '--cluster', '2', '--port', '0', '--log-format', 'json'], { cwd: folder })
  onTestFinished(() => void child.kill())
  await child.line(/"listening"/, { timeoutMs: 60_000 })
  process.kill(child.pid, 'SIGTERM')
  expect((await child.ended({ timeoutMs: 60_000 })).code).toBe(0)
}, 120_000)

test('a cluster that cannot begin says so and ends', async () => {
  const { code, text } = await run(['gateway', '--cluster', '2', '--host', '192.0.2.1'], { cwd: folder })
  expect(code).toBe(1)
  expect(text).toContain('Cannot listen')
}, 120_000)

test('a number of processes that is none is a wrong command line', async () => {
  expect((await run(['gateway', '--cluster', '0'], { cwd: folder })).code).toBe(2)
})
