/**
 * A program for tests whose tasks block its event loop, at least until the file `DOOR` is there: an async pool runs the one
 * that `TASK` names, beside one that only waits. What it hears of it goes to stdout, a record of the log as JSON in a line.
 */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { onLog } from '../../src/base/log.ts'
import { openPool } from '../../src/pool/open.ts'
import { PoolScene } from '../../src/testing/pool/scene.ts'

const app = lovage('stall-process')
const MS = 1_500
const DOOR = process.env.DOOR ?? ''

const UNTIL = `sleep ${MS / 1000}; until test -e '${DOOR}'; do sleep 0.1; done`

app.task('waits', () => new Promise<never>(() => {}))
app.task('loops', () => {
  const end = Date.now() + MS
  while (Date.now() < end || !existsSync(DOOR)); // the loop
})
app.task('matches', () => {
  for (const end = Date.now() + MS; Date.now() < end || !existsSync(DOOR);) {
    ;/^(a+)+$/.test(`${'a'.repeat(22)}b`) // the match
  }
})
app.task('sleeps', () => {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  for (let ms = MS; ms === MS || !existsSync(DOOR); ms = 50) Atomics.wait(cell, 0, 0, ms) // the wait
})
app.task('calls', () => {
  execSync(UNTIL) // the call
})
app.task('later', async () => {
  await new Promise((resolve) => setTimeout(resolve, 300))
  execSync(UNTIL) // the later call
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
  const timer = setTimeout(resolve, 60_000)
  onLog(({ message }) => {
    if (!message.includes('blocked')) return
    clearTimeout(timer)
    resolve()
  })
})
console.log(JSON.stringify({ message: 'end', fields: { state, lag: pool.lag } }))
await pool.stop()
