import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, threadId } from 'node:worker_threads'
import { lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'

/** Tasks that do to their thread or process what tasks do. A module of its own: children load it. */
export const app = lovage('child-tasks', {})

/** What this thread or process is called. */
const me = (): number => (isMainThread ? process.pid : threadId)

const held: unknown[] = []

app.task('me', me)
app.task('grandparent', () => process.ppid)
app.task('again', () => currentTask().delivery.redelivered)
app.task('again-after', async (ms: number) => {
  await sleep(ms)
  return currentTask().delivery.redelivered
})
app.task('until-aborted', () => {
  const { signal } = currentTask()
  return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
})
app.task('until', async (path: string) => {
  while (!existsSync(path)) await sleep(5)
  return me()
})
app.task('block', () => {
  for (;;);
})
app.task('wait-for-ever', () => new Promise<never>(() => {}))
app.task('native', (ms: number) => {
  // A call that nothing ends: not even the end of its thread.
  execFileSync('sleep', [String(ms / 1000)])
})
app.task('exit', (code: number) => process.exit(code))
app.task('signal', (name: NodeJS.Signals) => {
  process.kill(process.pid, name)
  return new Promise<never>(() => {})
})
app.task('throw-later', async () => {
  setTimeout(() => {
    throw new RangeError('thrown by nobody')
  }, 1)
  await new Promise<never>(() => {})
})
app.task('reject-later', async () => {
  void Promise.reject(new TypeError('rejected by nobody'))
  await new Promise<never>(() => {})
})
app.task('say', (line: string) => {
  console.log(line)
  console.error(`no ${line}`)
})
app.task('hold', (megabytes: number) => {
  held.push(Buffer.alloc(megabytes * 2 ** 20, 1))
  return me()
})
app.task('offspring', () => {
  const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' })
  return pid
})

let opened = 0
const shared = app.resource('shared', {
  open: async () => {
    await sleep(5)
    return { nth: ++opened, of: me() }
  },
  close: ({ nth }) => console.log(`closed ${nth}`),
})
app.task('use-shared', () => shared.get())
const broken = app.resource('broken', {
  open: () => {
    throw new Error('no such database')
  },
})
app.task('use-broken', () => broken.get())
app.task('use-broken-again', { retryOn: ['RESOURCE_FAILED'] }, () => broken.get())
const early = app.resource('early', { eager: true, open: () => console.log('opened early') })
app.task('use-early', () => early.get())
app.task('send', async () => {
  await app.sendTask('me')
})
app.task('keep', async () => {
  await app.store()
})
