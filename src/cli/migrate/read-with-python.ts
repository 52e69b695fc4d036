import { execFile } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { isList, isThing, type CeleryConfig, type PythonValue } from './python-value.ts'
import { PYTHON_SCRIPT } from './python-script.ts'

/** Longest that Python may take over the file. */
const TIME_MS = 20_000

/** Numbers of cores that are told to the file; halves, thirds, quarters of them are whole. */
const CORES = [12, 24, 120] as const

/** What came of it: a configuration, or why there is none. */
export type PythonAnswer = { readonly config: CeleryConfig } | { readonly problem: string }

/** Has a Python run the file, in a process of its own, and reads what it has then. */
export async function readWithPython(python: string, path: string): Promise<PythonAnswer> {
  const file = resolve(path)
  const args = ['-B', '-c', PYTHON_SCRIPT, file, ...CORES.map(String)]
  const { stdout, problem } = await run(python, args, dirname(file))
  if (problem !== undefined) return { problem: `${python}: ${problem}` }
  try {
    const answer = JSON.parse(stdout) as { version: string; loads?: Loads; error?: string }
    if (answer.error !== undefined) return { problem: `${python}: ${answer.error}` }
    const values = combined(answer.loads as Loads)
    return { config: { how: `evaluated by ${python} (Python ${answer.version})`, values, notes: [] } }
  } catch (error) {
    return { problem: `${python} answered what cannot be read: ${messageOf(error)}` }
  }
}

type Loads = readonly Readonly<Record<string, PythonValue>>[]

function run(python: string, args: readonly string[], cwd: string): Promise<{ stdout: string; problem?: string }> {
  return new Promise((done) => {
    const options = { cwd, timeout: TIME_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 2 ** 20, encoding: 'utf8' } as const
    execFile(python, [...args], options, (error, stdout, stderr) => {
      if (!error) return done({ stdout })
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return done({ stdout, problem: 'it is not there' })
      const last = stderr.trim().split('\n').at(-1) ?? ''
      done({ stdout, problem: error.killed ? `it took more than ${TIME_MS / 1000} s` : last || messageOf(error) })
    })
  })
}

function combined(loads: Loads): Map<string, PythonValue> {
  const [first = {}] = loads
  const values = new Map<string, PythonValue>()
  for (const name of Object.keys(first)) values.set(name, merged(loads.map((load) => load[name] ?? null)))
  return values
}

/** One value of those that the file had with each number of cores. */
function merged(values: readonly PythonValue[]): PythonValue {
  const [first = null] = values
  const texts = new Set(values.map((value) => JSON.stringify(value)))
  if (texts.size === 1) return first
  if (values.every((value) => typeof value === 'number')) return overCores(values)
  if (values.every(isList) && new Set(values.map((value) => value.length)).size === 1) {
    return (first as readonly PythonValue[]).map((_, at) => merged(values.map((value) => value[at] ?? null)))
  }
  if (values.every((value) => isThing(value) && value.$ === 'dict')) {
    const all = values.map((value) => (value as { items: readonly (readonly [PythonValue, PythonValue])[] }).items)
    if (new Set(all.map((items) => JSON.stringify(items.map(([key]) => key)))).size === 1) {
      const items = (all[0] ?? []).map(([key], at) => [key, merged(all.map((each) => each[at]?.[1] ?? null))] as const)
      return { $: 'dict', items }
    }
  }
  return { $: 'unknown', text: 'it depends on the number of cores of the machine' }
}

function overCores(values: readonly number[]): PythonValue {
  const [a = 0, b = 0] = values
  const times = (b - a) / (CORES[1] - CORES[0])
  const plus = a - times * CORES[0]
  const fits = values.every((value, at) => Math.abs(value - (times * (CORES[at] as number) + plus)) < 1e-9)
  if (fits) return { $: 'cores', times, plus: Math.round(plus * 1e6) / 1e6 }
  return { $: 'unknown', text: 'it depends on the number of cores in a way that is no multiple' }
}
