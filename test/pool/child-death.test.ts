import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { failureIn } from '../../src/testing/pool/scene.ts'
import { ChildScene, isAlive, KINDS } from './child-scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'lovage-pool-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let gates = 0
/** A file that a task of name `until` waits for. */
const gate = (): { path: string; open: () => void } => {
  const path = join(folder, String(++gates))
  return { path, open: () => writeFileSync(path, '') }
}

describe.each(KINDS)('in pool %s', (kind) => {
  test('a task that ends its child loses nothing: those beside it run again, and it is buried alone', async () => {
    await using scene = await ChildScene.open(kind, { size: 3, perChild: 3 })
    const { path, open } = gate()
    const innocents = [scene.start('until', [path]), scene.start('until', [path])]
    await Promise.all(innocents.map(({ started }) => started))
    const lost = await scene.run('exit', [7])
    expect(failureIn(lost)).toMatchObject({ exc_type: 'WorkerLostError', exc_module: 'billiard.exceptions' })
    expect(lost.dead).toMatchObject({ code: 'CHILD_LOST', message: expect.stringContaining('process.exit(7)') })
    open()
    for (const { outcome } of innocents) expect((await outcome).state).toBe('SUCCESS')
    const deaths = scene.records.filter(({ message }) => message === 'child died')
    expect(deaths.map(({ fields }) => (fields.tasks as unknown[]).length)).toEqual([3, 1])
    expect(await scene.run('me')).toMatchObject({ state: 'SUCCESS' })
  })

  test('an error that nobody catches is named, with its stack', async () => {
    await using scene = await ChildScene.open(kind)
    for (const [task, text] of [
      ['throw-later', 'RangeError: thrown by nobody'],
      ['reject-later', 'TypeError: rejected by nobody'],
    ] as const) {
      const outcome = await scene.run(task)
      expect(outcome.dead?.message).toContain(text)
      expect(outcome.traceback).toMatch(/child-tasks/)
    }
  })

  test('at its hard time limit a task that never waits is ended with its child, and what ran beside it runs again', async () => {
    await using scene = await ChildScene.open(kind, { size: 2, perChild: 2 })
    const { path, open } = gate()
    const innocent = scene.start('until', [path])
    await innocent.started
    const outcome = await scene.run('block', [], { timelimit: [0.3, null] })
    expect(failureIn(outcome)).toMatchObject({ exc_type: 'TimeLimitExceeded', exc_message: [0.3] })
    expect(outcome.dead).toBeUndefined()
    open()
    expect((await innocent.outcome).state).toBe('SUCCESS')
    expect(await scene.value('again')).toBe(false)
  })

  test('a function that does not end at its time limit takes its child with it once the others have ended', async () => {
    await using scene = await ChildScene.open(kind, { size: 2, perChild: 2 })
    const { path, open } = gate()
    const innocent = scene.start('until', [path])
    const first = await scene.value('me')
    expect(failureIn(await scene.run('wait-for-ever', [], { timelimit: [0.05, null] })).exc_type).toBe(
      'TimeLimitExceeded',
    )
    expect(await scene.value('me')).not.toBe(first)
    open()
    expect(payloadValue((await innocent.outcome).result)).toBe(first)
  })

  test('a task that is ended from outside is ended with its child', async () => {
    await using scene = await ChildScene.open(kind)
    const { job, started, outcome } = scene.start('block', [], { timelimit: [60, null] })
    await started
    const decided = { id: job.request.id, state: 'REVOKED', result: { text: '"terminated"' }, traceback: null }
    expect(scene.pool.end(job, decided, new Error('revoked'))).toBe(true)
    expect(await outcome).toEqual(decided)
    expect((await scene.run('me')).state).toBe('SUCCESS')
  })
})

test('a process is killed with all that it has started', async () => {
  await using scene = await ChildScene.open('processes', { size: 2, perChild: 2 })
  const offspring = Number(await scene.value('offspring'))
  expect(isAlive(offspring)).toBe(true)
  await scene.run('block', [], { timelimit: [0.05, null] })
  await vi.waitFor(() => expect(isAlive(offspring)).toBe(false), { timeout: 60_000 })
})

test('a process that a signal ends is named by it', async () => {
  await using scene = await ChildScene.open('processes')
  expect((await scene.run('signal', ['SIGKILL'])).dead?.message).toContain('SIGKILL')
  expect((await scene.run('signal', ['SIGABRT'])).dead?.message).toContain('SIGABRT')
})

test('a thread that sits in native code is abandoned, counted and replaced', async () => {
  await using scene = await ChildScene.open('threads')
  const outcome = await scene.run('native', [4_000], { timelimit: [0.05, null] })
  expect(failureIn(outcome).exc_type).toBe('TimeLimitExceeded')
  expect(scene.pool.abandoned).toBe(1)
  expect((await scene.run('me')).state).toBe('SUCCESS')
  await scene.logged('abandoned thread has ended after all')
  expect(scene.pool.abandoned).toBe(0)
})
