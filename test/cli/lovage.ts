import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../services/child.ts'
import { temporaryFolder } from '../services/reaper.ts'

/** The root of this project. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The built command, as its users run it. */
const MAIN = join(ROOT, 'dist/cli/main.js')

export interface LovageOptions {
  /** Where it runs. Default: a folder without configuration. */
  cwd?: string
  env?: Record<string, string | undefined>
}

/** Starts `lovage` with these arguments, untouched by the settings of whoever runs the tests. */
export function lovage(args: readonly string[], { cwd, env }: LovageOptions = {}): Child {
  if (!existsSync(MAIN)) throw new Error('The command is not built: npm run build')
  return startChild(process.execPath, [MAIN, ...args], {
    cwd: cwd ?? temporaryFolder('empty'),
    name: `lovage ${args.join(' ')}`,
    env: {
      LOVAGE_BROKER_URL: undefined,
      LOVAGE_RESULT_BACKEND: undefined,
      LOVAGE_HOME: undefined,
      LOVAGE_PORT: undefined,
      LOVAGE_HOST: undefined,
      NO_COLOR: undefined,
      FORCE_COLOR: undefined,
      ...env,
    },
  })
}

/** Runs it to its end: its exit code and all it wrote. */
export async function run(
  args: readonly string[],
  options: LovageOptions = {},
): Promise<{ code: number | null; text: string }> {
  const child = lovage(args, options)
  try {
    const { code } = await child.ended({ timeoutMs: 90_000 })
    return { code, text: child.lines.join('\n') }
  } finally {
    await child.kill()
  }
}

/** A folder with these files, and with the built package installed, as in a project of a user's. */
export function project(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('project')
  write(folder, { 'package.json': '{ "type": "module" }', ...files })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/lovage'), 'dir')
  return folder
}

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}
