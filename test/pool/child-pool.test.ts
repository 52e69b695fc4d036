import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { TaskRevoked } from '../../src/app/control-flow.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { failureIn, type Running } from '../../src/testing/pool/scene.ts'
import { ChildScene, KINDS } from './child-scene.ts'
import { app } from './child-tasks.ts'

const folder = mkdtempSync(join(tmpdir(), 'lovage-pool-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let gates = 0

/** Tasks that run until they are let go. */
async function runTogether(
  scene: ChildScene,
  count: number,
): Promise<{ all: Running[]; letGo: () => Promise<unknown[]> }> {
  const path = join(folder, String(++gates))
  const all = Array.from({ length: count }, () => scene.start('until', [path]))
  await Promise.all(all.map(({ started }) => started))
  const letGo = (): Promise<unknown[]> => {
    writeFileSync(path, '')
    return Promise.all(all.map(async ({ outcome }) => payloadValue((await outcome).result)))
  }
  return { all, letGo }
}

describe.each(KINDS)('pool %s, one for several tests,', (kind) => {
  let scene: ChildScene
  beforeAll(async () => {
    scene = await ChildScene.open(kind, { size: 2 })
  })
  afterAll(() => scene?.[Symbol.asyncDispose]())

  test('a resource that cannot be opened fails its task, which may be tried again, and nothing else', async () => {
    const first = await scene.value('me')
    const { exc_type, exc_message } = failureIn(await scene.run('use-broken'))
    expect(exc_type).toBe('LovageError')
    expect(exc_message).toEqual(['Resource broken could not be opened: no such database', 'RESOURCE_FAILED'])
    expect((await scene.run('use-broken-again')).state).toBe('RETRY')
    expect(await scene.value('me')).toBe(first)
  })

  test('what a task writes to its console is in the log', async () => {
    await scene.run('say', ['hello'])
    await Promise.all([scene.logged('hello'), scene.logged('no hello')])
    expect(scene.records.find(({ message }) => message === 'no hello')).toMatchObject({ level: 'warn', room: 'child' })
  })

  test('starts a child for each task, up to its size, and keeps it', async () => {
    const first = await scene.value('me')
    expect(await scene.value('me')).toBe(first)
    const both = await (await runTogether(scene, 2)).letGo()
    expect(new Set(both).size).toBe(2)
    expect(both).toContain(first)
  })

  test('grows and shrinks while it runs', async () => {
    scene.pool.resize(3)
    const three = await runTogether(scene, 3)
    scene.pool.resize(1)
    expect(new Set(await three.letGo()).size).toBe(3)
    const path = join(folder, 'shrunk')
    writeFileSync(path, '')
    const left = [await scene.value('until', [path]), await scene.value('me')]
    expect(new Set(left).size).toBe(1)
  })
})

describe.each(KINDS)('pool %s', (kind) => {
  test('runs many tasks in each child, and spreads them', async () => {
    await using scene = await ChildScene.open(kind, { size: 6, perChild: 3 })
    await (await runTogether(scene, 6)).letGo()
    const where = await (await runTogether(scene, 4)).letGo()
    const counts = [...new Set(where)].map((one) => where.filter((other) => other === one).length)
    expect(counts).toEqual([2, 2])
  })

  test('replaces a child after so many tasks', async () => {
    await using scene = await ChildScene.open(kind, { maxTasksPerChild: 2 })
    const where: unknown[] = []
    for (let i = 0; i < 4; i++) where.push(await scene.value('me'))
    expect(new Set(where).size).toBe(2)
    expect(await scene.logged('child recycled')).toMatchObject({ kind, because: 'tasks', tasks: 2 })
  })

  test('replaces a child that holds too much memory, once its task has ended', async () => {
    const maxMemoryPerChild = kind === 'processes' ? 400 * 2 ** 20 : 200 * 2 ** 20
    await using scene = await ChildScene.open(kind, { maxMemoryPerChild })
    const first = await scene.value('me')
    expect(await scene.value('hold', [500])).toBe(first)
    expect(await scene.logged('child recycled')).toMatchObject({ because: 'memory', tasks: 2 })
    expect(await scene.value('me')).not.toBe(first)
  })

  test('opens a resource once in each child, for all of its tasks, and closes it at the end', async () => {
    const scene = await ChildScene.open(kind, { size: 3, perChild: 3 })
    const used = await Promise.all([1, 2, 3].map(() => scene.value('use-shared')))
    expect(used).toEqual([used[0], used[0], used[0]])
    expect(used[0]).toMatchObject({ nth: 1, of: await scene.value('me') })
    await scene.logged('opened early')
    await scene[Symbol.asyncDispose]()
    expect(scene.records.map(({ message }) => message)).toContain('closed 1')
  })

  test('a task that is ended before it is known to have started takes nobody along', async () => {
    await using scene = await ChildScene.open(kind, { size: 2, perChild: 2 })
    const ended = scene.start('until-aborted', [], { timelimit: [60, null] })
    const { id } = ended.job.request
    const revoked = { id, state: 'REVOKED', result: { value: null }, traceback: null } as const
    expect(scene.pool.end(ended.job, revoked, new TaskRevoked())).toBe(true)
    expect(await ended.outcome).toMatchObject({ state: 'REVOKED' })
    // Longer than a child has to end a task by itself.
    expect(await scene.value('again-after', [600])).toBe(false)
    expect(scene.records.filter(({ message }) => message === 'child died')).toEqual([])
  })

  test('modules that do not define the tasks are refused at the start, by name', async () => {
    const more = lovage('child-tasks', {})
    more.task('elsewhere', () => {})
    await expect(ChildScene.open(kind, { app: more })).rejects.toMatchObject({
      code: 'CHILD_UNFIT',
      message: expect.stringContaining('no task elsewhere'),
    })
  })
})

test('tasks in children run in their own processes, or in threads of this one', async () => {
  await using processes = await ChildScene.open('processes')
  expect(await processes.value('grandparent')).toBe(process.pid)
  await using threads = await ChildScene.open('threads')
  expect(await threads.value('grandparent')).toBe(process.ppid)
})

test('modules that make another app, or are not there, are refused at the start, by name', async () => {
  await expect(ChildScene.open('threads', { app: lovage('other', {}) })).rejects.toMatchObject({
    message: expect.stringContaining('makes no app other'),
  })
  const modules = [fileURLToPath(new URL('no-such-module.ts', import.meta.url))]
  await expect(ChildScene.open('threads', { app, modules })).rejects.toMatchObject({
    message: expect.stringContaining('no-such-module'),
  })
})
