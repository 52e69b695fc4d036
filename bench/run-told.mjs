// How bench/run.mjs runs a case, and what it says of all.
import { spawn } from 'node:child_process'
import { ROOT } from '../scripts/steps.mjs'

/** Of a case that has never been measured. */
const GUESSED_SECONDS = { tiny: 4, whole: 60 }

/**
 * Runs a command in a process group of its own, its output shown; resolves to its exit code. When the time is up, and when
 * this process is told to end, the whole group is killed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ timeoutMs: number }} options
 * @returns {Promise<number>}
 */
export function runGroup(command, args, { timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
    const kill = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // All of it has ended.
      }
    }
    const timer = setTimeout(() => {
      console.error(`not done within ${timeoutMs / 1_000} s: it is ended`)
      kill()
    }, timeoutMs)
    const end = () => {
      kill()
      process.exit(130)
    }
    for (const signal of SIGNALS) process.once(signal, end)
    const done = (/** @type {number} */ code) => {
      clearTimeout(timer)
      for (const signal of SIGNALS) process.off(signal, end)
      // What a case has forked and forgotten must not be measured with the next.
      kill()
      resolve(code)
    }
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`)
      done(127)
    })
    child.once('exit', (code, signal) => {
      if (signal) console.error(`the case was ended by ${signal}`)
      done(code ?? 1)
    })
  })
}

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/**
 * How long a case will take, from how long it took the last time.
 * @param {import('./rendering/results.ts').Results} results
 * @param {boolean} tiny
 * @returns {(name: string) => number}
 */
export function expectedSeconds(results, tiny) {
  if (tiny) return () => GUESSED_SECONDS.tiny
  return (name) => results[name]?.seconds ?? GUESSED_SECONDS.whole
}

/** @param {number} seconds */
export function minutesText(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`
}

/**
 * What became of the aims of those cases, a line each: what is missed, then what is reached, then what was not measured.
 * @param {import('./rendering/results.ts').Results} results
 * @param {readonly string[]} names
 * @param {typeof import('./rendering/judged.ts')} judging
 * @returns {string[]}
 */
export function toldAims(results, names, { judged, aimText, reachedText, valueText }) {
  const rows = names.flatMap((name) => results[name]?.rows ?? [])
  const figures = rows.flatMap((row) => ('leftOut' in row || !row.aim ? [] : [row]))
  const isReached = (/** @type {import('./case.ts').Figure} */ { value, aim }) => aim && judged(value, aim).reached
  const line = (/** @type {import('./case.ts').Figure} */ row) =>
    `  ${row.what}: ${valueText(row.value, row.unit)}, aim ${aimText(row)}: ${reachedText(row)}`
  const leftOut = rows.flatMap((row) => ('leftOut' in row ? [`  ${row.what}: ${row.leftOut}`] : []))
  const failed = names.flatMap((name) => {
    const { failed: why } = results[name] ?? {}
    return why === undefined ? [] : [`  ${name}: ${why.split('\n', 1)[0]}`]
  })
  const listed = (/** @type {string} */ title, /** @type {readonly string[]} */ lines) =>
    lines.length > 0 ? [`\n${title}: ${lines.length}`, ...lines] : []
  return [
    ...listed('Aims missed', figures.filter((row) => !isReached(row)).map(line)),
    ...listed('Aims reached', figures.filter(isReached).map(line)),
    ...listed('Rows left out', leftOut),
    ...listed('Cases that failed', failed),
    '',
  ]
}
