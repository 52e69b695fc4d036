/** Tasks that keep their thread for themselves, each in its own way: a module of its own, which pools of children load. */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { lovage } from '../../src/app/app.ts'

/** Held here: what is imported may be asked of the loader at each use, and then it is the loader that is seen at work. */
const isThere = existsSync

export const app = lovage('blockers', {}, { env: {} })

/** Whether it blocks still: for `ms`, or for ever where that is 0, and no longer than until the file `door` is there. */
const blocks = (ms: number, door?: string): (() => boolean) => {
  const end = ms === 0 ? Infinity : performance.now() + ms
  return () => performance.now() < end && !(door && isThere(door)) // the look
}

app.task('loops', (ms: number, door = '') => {
  const end = ms === 0 ? Infinity : performance.now() + ms
  // On one line: that is what it is known by.
  while (performance.now() < end && !isThere(door)); // the loop
  return 'over'
})
app.task('matches', (ms: number, door = '') => {
  const goesOn = blocks(ms, door)
  // Twice as long with each letter; where a door may open, short enough to see it.
  for (let length = 20; goesOn(); length = door ? 20 : length + 1) {
    ;/^(a+)+$/.test(`${'a'.repeat(ms === 0 ? 60 : length)}b`) // the match
  }
  return 'over'
})
app.task('sleeps', (ms: number, door = '') => {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const goesOn = blocks(ms, door)
  while (goesOn()) Atomics.wait(cell, 0, 0, door ? 50 : ms || Infinity) // the wait
  return 'over'
})
app.task('calls', (ms: number, door = '') => {
  execSync(door ? `until test -e '${door}'; do sleep 0.1; done` : `sleep ${ms === 0 ? 60 : ms / 1000}`) // the call
  return 'over'
})
app.task('adds', (x: number, y: number) => x + y)

/** Those that block. */
export const BLOCKERS = ['loops', 'matches', 'sleeps', 'calls'] as const
