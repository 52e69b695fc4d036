import { afterAll, expect, test, vi } from 'vitest'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../services/child.ts'
import { isAlive } from './child-scene.ts'

const started: Child[] = []
afterAll(async () => {
  await Promise.all(started.map((child) => child.kill()))
})

test('no process outlives a worker that is killed, not even one whose task never lets its loop turn', async () => {
  const program = fileURLToPath(new URL('worker-process.ts', import.meta.url))
  const env = { TASKS: 'block,idle', LOVAGE_BROKER_URL: 'memory://orphans', LOVAGE_STORE: undefined }
  const child = startChild(process.execPath, ['--import', 'jiti/register', program], { env })
  started.push(child)
  const lines = await Promise.all([
    child.line(/blocks in \d+/, { timeoutMs: 40_000 }),
    child.line(/idles in \d+/, { timeoutMs: 40_000 }),
  ])
  const pids = lines.map((line) => Number(/ in (\d+)/.exec(line)?.[1]))
  expect(pids.map(isAlive)).toEqual([true, true])
  child.signal('SIGKILL')
  await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), { timeout: 60_000, interval: 50 })
})
