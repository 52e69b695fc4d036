import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runChild } from './services/child.ts'
import { removeFolder, temporaryFolder } from './services/reaper.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const { files, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  files: string[]
  version: string
}

/** Installing asks a registry for some forty packages, where the cache does not have them. */
const INSTALL_MS = 240_000

const CONSUMER = `
import { lovage, isLovageError, LovageError, type App } from 'lovage'
import { beat, every } from 'lovage/beat'
import { defineConfig } from 'lovage/config'
import { dashboard } from 'lovage/dashboard'
import { gateway } from 'lovage/gateway'
import { supervise } from 'lovage/supervisor'
import { brokerSuite, VirtualClock } from 'lovage/testing'
import { worker } from 'lovage/worker'

const app: App = lovage('shop')
const add = app.task('shop.add', (x: number, y: number) => x + y)
const sum: number = await add(2, 3)
// @ts-expect-error a text is no number
const wrong = () => add('2', 3)
const config = defineConfig({ app: './app.ts' })
const door = gateway(app, { port: 0 })
const known = isLovageError(new LovageError('BROKER_CLOSED'), 'BROKER_CLOSED')
const drum = beat(app, { often: every('1h', add.s(1, 2)) })
const board = dashboard(app, { port: 0 })
const hand = worker(app)
const keeper = supervise({ 'program:cat': { command: 'cat' } }, { env: {} })
await hand.start()
const answer: number = await add.delay(20, 22).get({ timeout: '60s' })
await hand.stop()
console.log(JSON.stringify({ sum, drum: typeof drum.start, answer, app: config.app, door: typeof door.start, board: typeof board.start, keeper: typeof keeper.start, suite: typeof brokerSuite, known, now: new VirtualClock({ startMs: 7 }).now(), wrong: typeof wrong }))
await app.close()
`

/** What is loaded with a built file from its start: files, and what else is named. */
function loadedFrom(path: string): { loaded: Set<string>; others: Set<string> } {
  const loaded = new Set([path])
  const others = new Set<string>()
  for (const file of loaded) {
    for (const [, named = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) (?:.*? from )?"([^"]+)";$/gm,
    )) {
      if (named.startsWith('.')) loaded.add(join(file, '..', named))
      else others.add(named)
    }
  }
  return { loaded, others }
}

describe('the package, packed and installed in an empty folder elsewhere', () => {
  let folder: string
  let consumer: string
  let installed: string

  beforeAll(async () => {
    folder = temporaryFolder('package')
    // dist is as `npm test` has built it; what is built a second time meanwhile would pull it away from other tests.
    await runChild('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: ROOT })
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string
    consumer = join(folder, 'consumer')
    mkdirSync(consumer)
    writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module', private: true }))
    await runChild('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball)], {
      cwd: consumer,
      timeoutMs: INSTALL_MS,
    })
    installed = join(consumer, 'node_modules', 'lovage')
  }, INSTALL_MS)

  afterAll(() => removeFolder(folder))

  it('brings what is built and what must be told, and nothing else', () => {
    const told = ['package.json', ...files.filter((name) => existsSync(join(ROOT, name)))]
    expect(readdirSync(installed).toSorted()).toEqual(told.toSorted())
    const pages = join('dashboard', 'web')
    const all = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })
    expect(all).toContain(join(pages, 'index.html'))
    const built = all.filter((name) => !name.startsWith(pages))
    const strange = built.filter((name) => name.includes('.') && !/\.(js|d\.ts|js\.map)$/.test(name))
    expect(strange).toEqual([])
    const shared = join('shared', '/')
    for (const name of built.filter((file) => file.endsWith('.js') && !file.startsWith(shared))) {
      expect(built).toContain(name.replace(/\.js$/, '.d.ts'))
    }
  })

  it.each(['index.js', 'worker/worker.js', 'app/config.js'])('loads few files and no other package for %s', (name) => {
    const { loaded, others } = loadedFrom(join(installed, 'dist', name))
    expect([...others].filter((other) => !other.startsWith('node:'))).toEqual([])
    // Node takes time and memory for each: in src a worker has more than 300.
    expect(loaded.size).toBeGreaterThan(1)
    expect(loaded.size).toBeLessThanOrEqual(30)
  })

  it('is written in ASCII: a character beyond Latin-1 would double what a file takes in memory', () => {
    const dist = join(installed, 'dist')
    const built = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.js') && !name.startsWith(join('dashboard', 'web')),
    )
    const odd = built.filter((name) => readFileSync(join(dist, name)).some((byte) => byte > 127))
    expect(odd).toEqual([])
    expect(built.length).toBeGreaterThan(20)
  })

  it('has a command that runs', async () => {
    const command = join(consumer, 'node_modules', '.bin', 'lovage')
    expect(await runChild(command, ['--version'], { cwd: consumer })).toEqual([version])
    expect((await runChild(command, ['--help'], { cwd: consumer })).join('\n')).toContain('worker')
  })

  it.each(['node16', 'nodenext'])(
    'has types for a program that resolves modules by %s, and runs in it',
    async (module) => {
      const options = {
        module,
        target: 'es2022',
        strict: true,
        outDir: `out-${module}`,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules', '@types')],
      }
      writeFileSync(join(consumer, 'consumer.ts'), CONSUMER)
      writeFileSync(
        join(consumer, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }),
      )
      await runChild(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', consumer])
      const [line] = await runChild(process.execPath, [join(`out-${module}`, 'consumer.js')], { cwd: consumer })
      expect(JSON.parse(line ?? '')).toEqual({
        sum: 5,
        answer: 42,
        app: './app.ts',
        drum: 'function',
        door: 'function',
        board: 'function',
        keeper: 'function',
        suite: 'function',
        known: true,
        now: 7,
        wrong: 'function',
      })
    },
    INSTALL_MS,
  )
})
