/** Tasks that keep their thread for themselves, each in its own way: a module of its own, which pools of children load. */
import { execSync } from 'node:child_process'
import { lovage } from '../../src/app/app.ts'

export const app = lovage('blockers', {}, { env: {} })

/** For `ms`, or for ever where that is 0. */
const until = (ms: number): number => (ms === 0 ? Infinity : performance.now() + ms)

app.task('loops', (ms: number) => {
  const end = until(ms)
  while (performance.now() < end); // the loop
  return 'over'
})
app.task('matches', (ms: number) => {
  const end = until(ms)
  // Twice as long with each letter.
  for (let length = 20; performance.now() < end; length++) {
    ;/^(a+)+$/.test(`${'a'.repeat(ms === 0 ? 60 : length)}b`) // the match
  }
  return 'over'
})
app.task('sleeps', (ms: number) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms === 0 ? Infinity : ms) // the wait
  return 'over'
})
app.task('calls', (ms: number) => {
  execSync(`sleep ${ms === 0 ? 60 : ms / 1000}`) // the call
  return 'over'
})
app.task('adds', (x: number, y: number) => x + y)

/** Those that block. */
export const BLOCKERS = ['loops', 'matches', 'sleeps', 'calls'] as const
