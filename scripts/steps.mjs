// Runs commands as named steps, shows all that they print, and keeps count.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Where steps leave their counts for the summary, when somebody wants one. */
export const REPORT_FOLDER = process.env['LOVAGE_REPORT_FOLDER']

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] Default: the project's folder.
 * @property {Record<string, string | undefined>} [env] Added to this process's.
 * @property {number} [timeoutMs] After which it is ended. Default: never.
 */

/**
 * Runs a command, its output shown; resolves to its exit code.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<number>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const env = { ...process.env, ...options.env }
    const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
    const timer =
      options.timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.timeoutMs)
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`)
      resolve(127)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (signal) console.error(`${command} was ended by ${signal}`)
      resolve(code ?? 1)
    })
  })
}

/**
 * Runs a command and resolves to its exit code and what it wrote to stdout; stderr is shown.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    const env = { ...process.env, ...options.env }
    const child = spawn(command, args, { cwd: options.cwd ?? ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
    /** @type {Buffer[]} */
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.once('error', (error) => resolve({ code: 127, output: error.message }))
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }))
  })
}

/**
 * The file of a program that a dependency brings.
 * @param {string} name
 */
export function binary(name) {
  return join(ROOT, 'node_modules', '.bin', name)
}

/** Counts steps and shows how long each took. */
export class Steps {
  #name
  /** @type {{ name: string, passed: boolean, seconds: number }[]} */
  done = []

  /** @param {string} name What the steps are of; also the name of their report. */
  constructor(name) {
    this.#name = name
  }

  /**
   * Runs one; it fails when it resolves to something but 0, or throws.
   * @param {string} name
   * @param {() => Promise<number>} step
   */
  async step(name, step) {
    const from = performance.now()
    console.log(`\n── ${this.#name}: ${name}`)
    let passed = false
    try {
      passed = (await step()) === 0
    } catch (error) {
      console.error(error)
    }
    const seconds = (performance.now() - from) / 1_000
    console.log(`${passed ? '✓' : '✗'} ${name} (${seconds.toFixed(1)} s)`)
    this.done.push({ name, passed, seconds })
    return passed
  }

  /** Shows the sum, leaves the report, and sets the exit code. */
  finish() {
    const failed = this.done.filter((step) => !step.passed)
    console.log(`\n${this.#name}: ${this.done.length - failed.length} passed, ${failed.length} failed`)
    for (const { name } of failed) console.log(`  ✗ ${name}`)
    report(this.#name, {
      passed: this.done.length - failed.length,
      failed: failed.length,
      failures: failed.map((step) => step.name),
    })
    if (failed.length > 0) process.exitCode = 1
  }
}

/**
 * What a step leaves for the summary; `failures` says of each what and why, one line or more.
 * @typedef {{ passed: number, failed: number, failures?: string[] }} Counts
 */

/**
 * Leaves counts for the summary.
 * @param {string} name
 * @param {Counts} counts
 */
export function report(name, counts) {
  if (!REPORT_FOLDER) return
  mkdirSync(REPORT_FOLDER, { recursive: true })
  writeFileSync(join(REPORT_FOLDER, `${name}.json`), JSON.stringify(counts))
}
