import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startChild, type Child, type ChildOptions } from './child.ts'
import { removeFolder, temporaryFolder } from './reaper.ts'

/** The Python that has Celery: distributions install it for their own interpreter only. */
export const PYTHON = '/usr/bin/python3'

export interface PythonOptions extends Omit<ChildOptions, 'cwd'> {
  /** Files beside the script, by name: modules it imports. */
  files?: Record<string, string>
  /** Where it runs. Default: a folder of its own, removed at its end. */
  cwd?: string
}

/** Starts Python with these arguments, e.g. `['-m', 'celery', '-A', 'tasks', 'worker']`. */
export function startPython(args: readonly string[], options: PythonOptions = {}): Child {
  const own = options.cwd === undefined
  const folder = options.cwd ?? temporaryFolder('python')
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text)
  const child = startChild(PYTHON, args, {
    cwd: folder,
    name: options.name ?? `python ${args.join(' ')}`,
    env: {
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: folder,
      // Celery refuses to run as root without it.
      C_FORCE_ROOT: '1',
      ...options.env,
    },
  })
  // Where one that it started still writes there: the folder goes with this process then, and no test fails by it.
  if (own) void child.exited.then(() => removeFolder(folder)).catch(() => {})
  return child
}

/** Starts Python on the text of a script. */
export function startScript(script: string, options: PythonOptions = {}): Child {
  return startPython(['-c', script], { name: 'python script', ...options })
}
