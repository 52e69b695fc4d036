import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DOORS, loadModule, loadModules } from '../../src/app/load-module.ts'
import { isLovageError, LovageError } from '../../src/base/errors.ts'
import packageJson from '../../package.json' with { type: 'json' }

const run = promisify(execFile)
const repository = resolve(import.meta.dirname, '../..')
let folder: string
let count = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lovage-modules-'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Writes files into a folder of their own; returns how to name one. */
async function files(contents: Record<string, string>): Promise<(name: string) => string> {
  const home = join(folder, `case${++count}`)
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(dirname(join(home, name)), { recursive: true })
    await writeFile(join(home, name), text)
  }
  return (name) => join(home, name)
}

async function fault(path: string): Promise<LovageError> {
  const error = await loadModule(path).catch((thrown: unknown) => thrown)
  if (!isLovageError(error, 'MODULE_FAILED')) throw new Error(`expected MODULE_FAILED, got ${String(error)}`)
  return error
}

describe('what a module may contain', () => {
  test('enums, namespaces, parameter properties, decorators and top-level await', async () => {
    const at = await files({
      'tasks.ts': `
        export enum Color { Red = 1, Green }
        export namespace Shop { export const name = 'shop' }
        const seen: string[] = []
        function mark(target: unknown, name?: unknown): void { seen.push(String((target as { name?: string }).name ?? name)) }
        @mark class Marked { constructor(readonly price: number) {} }
        export const price = new Marked(3).price
        export const awaited = await Promise.resolve(Color.Green satisfies Color)
        export { seen }
      `,
    })
    const module = await loadModule(at('tasks.ts'))
    expect(module).toMatchObject({ price: 3, awaited: 2, seen: ['Marked'], Shop: { name: 'shop' } })
  })

  test('imports without extension, imports of .js that mean .ts, and JSON', async () => {
    const at = await files({
      'tasks.ts': `
        import { one } from './lib/one'
        import { two } from './lib/two.js'
        import data from './data.json' with { type: 'json' }
        export const sum: number = one + two + data.three
      `,
      'lib/one.ts': 'export const one: number = 1',
      'lib/two.ts': 'export const two: number = 2',
      'data.json': '{ "three": 3 }',
    })
    expect(await loadModule(at('tasks.ts'))).toMatchObject({ sum: 6 })
  })

  test('plain JavaScript', async () => {
    const at = await files({ 'tasks.mjs': 'export const x = await 1', 'other.js': 'export default 2' })
    expect(await loadModule(at('tasks.mjs'))).toMatchObject({ x: 1 })
    expect(await loadModule(at('other.js'))).toMatchObject({ default: 2 })
  })
})

describe('once per process', () => {
  test('a module runs once, however often and however named it is asked for', async () => {
    const at = await files({ 'tasks.ts': 'export const token: object = {}' })
    const [one, two] = await loadModules([at('tasks.ts'), join(at('.'), '..', `case${count}`, 'tasks.ts')])
    expect(one?.token).toBe(two?.token)
    expect((await loadModule(at('tasks.ts'))).token).toBe(one?.token)
  })

  test('what two modules import in common is one copy', async () => {
    const at = await files({
      'app.ts': 'export const app: object = {}',
      'a.ts': "export { app } from './app.ts'",
      'b.ts': "export { app } from './app.ts'\nexport enum Needs { Transpiling }",
    })
    const [a, b] = await loadModules([at('a.ts'), at('b.ts')])
    expect(a?.app).toBe(b?.app)
  })

  test('several JavaScript modules in one call', async () => {
    const at = await files({ 'a.mjs': 'export const a = 1', 'b.mjs': 'export const b = 2' })
    expect(await loadModules([at('a.mjs'), at('b.mjs')])).toMatchObject([{ a: 1 }, { b: 2 }])
  })

  test('a module that failed is not tried again: what it had already defined would be there twice', async () => {
    const at = await files({ 'tasks.ts': "throw new Error('no database')" })
    expect(await fault(at('tasks.ts'))).toBe(await fault(at('tasks.ts')))
  })

  test('lovage, imported by a module, is the copy that loads it', async () => {
    const at = await files({ 'tasks.ts': "import { LovageError } from 'lovage'\nexport { LovageError }" })
    expect((await loadModule(at('tasks.ts'))).LovageError).toBe(LovageError)
  })

  test('all doors of the package are known', () => {
    const doors = Object.keys(packageJson.exports).filter((door) => door !== './package.json')
    expect(doors.map((door) => door.replace('.', 'lovage'))).toEqual([...DOORS])
  })
})

describe('a module that cannot be loaded is named with file and line', () => {
  const cases: [what: string, contents: Record<string, string>, at: string, problem: RegExp][] = [
    [
      'an error thrown at import',
      { 'a.ts': "\nenum E { A }\nthrow new TypeError('no such thing')" },
      'a.ts:3',
      /no such thing/,
    ],
    [
      'an error thrown deeper down',
      { 'a.ts': "import './b.ts'", 'b.ts': "function f(): never {\n  throw new Error('deep')\n}\nf()" },
      'b.ts:2',
      /deep/,
    ],
    ['a syntax error', { 'a.ts': 'export const a: number = 1\nconst = 3' }, 'a.ts:2', /Unexpected token/],
    ['a syntax error in an import', { 'a.ts': "import './b'", 'b.ts': 'enum E { A }\n\nlet let = 1' }, 'b.ts:3', /let/],
    ['an import of a file that is not there', { 'a.ts': "\nimport './nowhere.ts'" }, 'a.ts:2', /nowhere/],
    [
      'an import of a package that is not there',
      { 'a.ts': "\n\nimport 'no-such-package'" },
      'a.ts:3',
      /no-such-package/,
    ],
    ['something thrown that is no error', { 'a.ts': "throw 'text'" }, 'a.ts', /text/],
  ]
  for (const [what, contents, place, problem] of cases) {
    test(what, async () => {
      const at = await files(contents)
      const [entry] = Object.keys(contents) as [string]
      const error = await fault(at(entry))
      const [name, line] = place.split(':') as [string, string | undefined]
      expect(error.details.at).toMatch(line === undefined ? at(name) : new RegExp(`${at(name)}:${line}(:\\d+)?$`))
      expect(error.details.problem).toMatch(problem)
      expect(error.fix).toContain(at(name))
      expect(error).toHaveProperty('cause')
    })
  }

  test('a file that is not there', async () => {
    const error = await fault(join(folder, 'nowhere.ts'))
    expect(error.details.at).toContain('nowhere.ts')
    const script = await fault(join(folder, 'nowhere.mjs'))
    expect(script.details.module).toBe(join(folder, 'nowhere.mjs'))
  })

  test("an error that lovage throws names the caller's line", async () => {
    const at = await files({ 'tasks.ts': "import { milliseconds } from 'lovage/config'\nmilliseconds()" })
    expect((await fault(at('tasks.ts'))).details.at).toContain('tasks.ts:2')
  })
})

describe('the built package', () => {
  let built: string
  beforeAll(async () => {
    built = join(folder, 'built')
    await mkdir(built)
    await cp(join(repository, 'package.json'), join(built, 'package.json'))
    await symlink(join(repository, 'node_modules'), join(built, 'node_modules'))
    const tsc = join(repository, 'node_modules/typescript/bin/tsc')
    const out = ['--outDir', join(built, 'dist'), '--incremental', 'false', '--declaration', 'false']
    await run(process.execPath, [tsc, '-p', join(repository, 'tsconfig.build.json'), ...out], {
      cwd: repository,
    }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout)
    })
  })

  /** A process that loads `entry` with the loader of `home` and compares copies. */
  async function sameCopy(home: string, entry: string): Promise<unknown> {
    const script = `
      const { loadModule } = await import(${JSON.stringify(join(home, 'dist/app/load-module.js'))})
      const { LovageError } = await import(${JSON.stringify(join(home, 'dist/base/errors.js'))})
      const module = await loadModule(${JSON.stringify(entry)})
      console.log(JSON.stringify({ same: module.LovageError === LovageError, kind: module.kind }))
    `
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
    return JSON.parse(stdout)
  }

  const broken: [what: string, contents: Record<string, string>, at: string, problem: RegExp][] = [
    ['a syntax error in JavaScript', { 'a.mjs': 'export const a = 1\n\nconst = 3' }, 'a.mjs:3', /Unexpected token/],
    [
      'a syntax error in imported JavaScript',
      { 'a.mjs': "import './b.mjs'", 'b.mjs': 'const = 3' },
      'b.mjs:1',
      /Unexpected token/,
    ],
    [
      'an import of a package that is not there',
      { 'a.mjs': "\nimport 'no-such-package'" },
      'a.mjs:2',
      /no-such-package/,
    ],
    [
      'a name that is not exported',
      { 'a.mjs': "\nimport { b } from './b.mjs'", 'b.mjs': '' },
      'a.mjs:2',
      /does not provide/,
    ],
    ['an error thrown', { 'a.mjs': 'const a = null\na.b' }, 'a.mjs:2', /null/],
  ]
  for (const [what, contents, place, problem] of broken) {
    test(`in JavaScript that Node itself loads, ${what} is named with file and line`, async () => {
      const at = await files(contents)
      const script = `
        const { loadModule } = await import(${JSON.stringify(join(built, 'dist/app/load-module.js'))})
        const error = await loadModule(${JSON.stringify(at('a.mjs'))}).catch((thrown) => thrown)
        console.log(JSON.stringify(error.details))
      `
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
      const details = JSON.parse(stdout) as Record<string, string>
      const [name, line] = place.split(':') as [string, string]
      expect(details.at).toMatch(new RegExp(`${at(name)}:${line}(:\\d+)?$`))
      expect(details.problem).toMatch(problem)
    })
  }

  const source =
    "import { LovageError } from 'lovage'\nexport enum E { A }\nexport const kind: string = 'ts'\nexport { LovageError }"

  test('its own examples import lovage as the copy that runs them', async () => {
    const entry = join(built, 'examples', 'tasks.ts')
    await mkdir(dirname(entry), { recursive: true })
    await writeFile(entry, source)
    expect(await sameCopy(built, entry)).toEqual({ same: true, kind: 'ts' })
  })

  test('so do modules of a project that has it installed, TypeScript and JavaScript', async () => {
    const project = join(folder, 'project')
    const installed = join(project, 'node_modules/lovage')
    await mkdir(join(project, 'node_modules'), { recursive: true })
    await cp(join(built, 'dist'), join(installed, 'dist'), { recursive: true })
    await cp(join(built, 'package.json'), join(installed, 'package.json'))
    await symlink(join(repository, 'node_modules/jiti'), join(project, 'node_modules/jiti'))
    await writeFile(join(project, 'tasks.ts'), source)
    await writeFile(join(project, 'tasks.mjs'), "export { LovageError } from 'lovage'\nexport const kind = 'js'")
    expect(await sameCopy(installed, join(project, 'tasks.ts'))).toEqual({ same: true, kind: 'ts' })
    expect(await sameCopy(installed, join(project, 'tasks.mjs'))).toEqual({ same: true, kind: 'js' })
  })
})
