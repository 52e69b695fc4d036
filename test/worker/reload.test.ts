import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { App } from '../../src/index.ts'
import { type Worker, worker } from '../../src/worker/worker.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { Bench } from './bench.ts'

const INDEX = join(import.meta.dirname, '../../src/index.ts')
const patience = { timeout: '60s' } as const

/** A worker whose tasks are in a file that changes. */
class Scene implements AsyncDisposable {
  readonly records: LogRecord[] = []
  readonly folder = temporaryFolder('reload')
  readonly #file = join(this.folder, 'tasks.ts')
  readonly #stopListening = onLog((record) => void this.records.push(record))
  #app!: App
  #worker!: Worker

  static async open(pool: 'threads' | 'processes'): Promise<Scene> {
    const scene = new Scene()
    scene.write(1)
    scene.#app = ((await import(scene.#file)) as { app: App }).app
    scene.#worker = worker(scene.#app, { pool, concurrency: 1, perChild: 2, module: scene.#file })
    await scene.#worker.start()
    return scene
  }

  get door(): string {
    return join(this.folder, 'door')
  }

  /** The tasks in another version, or with other text in place of one of them. */
  write(version: number, other = `app.task('version', () => ${version})`): void {
    const name = `memory://${this.folder}`
    const lines = [
      `import { existsSync, writeFileSync } from 'node:fs'`,
      `import { lovage } from ${JSON.stringify(INDEX)}`,
      `export const app = lovage('reload', { broker: ${JSON.stringify(name)} }, { env: {} })`,
      other,
      `app.task('begun', async (path: string) => {
        writeFileSync(path + '.begun', '')
        while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5))
        return ${version}
      })`,
    ]
    writeFileSync(this.#file, lines.join('\n'))
  }

  begin(): Promise<unknown> {
    return this.#app.sendTask('begun', [this.door]).get(patience)
  }

  version(): Promise<unknown> {
    return this.#app.sendTask('version').get(patience)
  }

  reload(): Promise<void> {
    return this.#worker.reload()
  }

  messages(): string[] {
    return this.records.filter(({ room }) => room === 'worker').map(({ message }) => message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.stop('cold')
    await this.#app.close()
    this.#stopListening()
  }
}

describe.each(['threads', 'processes'] as const)('a worker with pool %s that reloads', (pool) => {
  test('runs the new code in new children, while the old ones end what they have begun', async () => {
    await using scene = await Scene.open(pool)
    expect(await scene.version()).toBe(1)
    const begun = scene.begin()
    await expect.poll(() => existsSync(`${scene.door}.begun`), { timeout: 60_000 }).toBe(true)
    scene.write(2)
    await Promise.all([scene.reload(), scene.reload()])
    expect(await scene.version()).toBe(2)
    writeFileSync(scene.door, '')
    expect(await begun).toBe(1)
    expect(scene.messages().filter((message) => message === 'worker reloaded')).toHaveLength(1)
  }, 240_000)

  test.each([
    ['cannot be loaded', 'this is no TypeScript'],
    ['lacks a task', ''],
  ])(
    'goes on with the old code where the new one %s',
    async (_what, other) => {
      await using scene = await Scene.open(pool)
      scene.write(2, other)
      await scene.reload()
      expect(scene.messages()).toContain('not reloaded: the old code goes on')
      expect(await scene.version()).toBe(1)
      scene.write(3)
      await scene.reload()
      expect(await scene.version()).toBe(3)
    },
    120_000,
  )
})

test('in pool async it is refused, with what to do instead', async () => {
  await using bench = new Bench()
  bench.app.task('any', () => 1)
  const made = await bench.worker()
  await made.reload()
  expect(bench.logged('not reloaded: pool async runs in this process')).toEqual([
    expect.objectContaining({ fix: expect.stringContaining('SIGTERM') }),
  ])
  await made.stop()
  await made.reload()
  expect(bench.logged('not reloaded: the worker does not run')).toHaveLength(1)
})
