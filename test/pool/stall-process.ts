/**
 * A program for tests whose tasks block its event loop: an async pool runs the one that `TASK` names, beside one that only
 * waits. What it hears of it goes to stdout, a record of the log as JSON in a line.
 */
import { execSync } from 'node:child_process'
import { lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { onLog } from '../../src/base/log.ts'
import { openPool } from '../../src/pool/open.ts'
import { PoolScene } from '../../src/testing/pool/scene.ts'

const app = lovage('stall-process')
const MS = 1_500

app.task('waits', () => new Promise<never>(() => {}))
app.task('loops', () => {
  const end = Date.now() + MS
  while (Date.now() < end); // the loop
})
app.task('matches', () => {
  // As long as it takes, on this machine, to be seen.
  for (let length = 20, end = Date.now() + MS; Date.now() < end; length++) {
    ;/^(a+)+$/.test(`${'a'.repeat(length)}b`) // the match
  }
})
app.task('sleeps', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MS) // the wait
})
app.task('calls', () => {
  execSync(`sleep ${MS / 1000}`) // the call
})
app.task('later', async () => {
  await new Promise((resolve) => setTimeout(resolve, 300))
  execSync(`sleep ${MS / 1000}`) // the later call
})

onLog((record) => console.log(JSON.stringify(record)))
const pool = openPool('async', {
  app,
  hostname: 'here',
  size: 10,
  clock: systemClock,
  accept: ['application/json'],
  types: 'typed',
  stallMs: 200,
})
const scene = new PoolScene(pool)
await pool.start()
void scene.start('waits', [], { id: 'waiter' })
// Let a few beats pass: the figures are of a loop that did beat.
await new Promise((resolve) => setTimeout(resolve, 1_000))
const { outcome } = scene.start(process.env.TASK ?? 'loops', [], { id: 'culprit' })
const { state } = await outcome
await new Promise<void>((resolve) => {
  const timer = setTimeout(resolve, 5_000)
  onLog(({ message }) => {
    if (!message.includes('blocked')) return
    clearTimeout(timer)
    resolve()
  })
})
console.log(JSON.stringify({ message: 'end', fields: { state, lag: pool.lag } }))
await pool.stop()
