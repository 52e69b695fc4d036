import { fileURLToPath } from 'node:url'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { LagFigures } from '../../src/base/lag.ts'
import { readMarks, STALL_BYTES, StallMarks } from '../../src/pool/stall.ts'
import { Child } from '../services/child.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const DOOR = join(temporaryFolder(), 'door')
const FILE = fileURLToPath(new URL('./stall-process.ts', import.meta.url))

/** Where a line of the program is that ends with this comment. */
function lineOf(comment: string): string {
  const lines = readFileSync(FILE, 'utf8').split('\n')
  return `${FILE}:${lines.findIndex((line) => line.endsWith(`// ${comment}`)) + 1}:`
}

interface Spoken {
  readonly message: string
  readonly fields: Record<string, unknown>
}

const children: Child[] = []

/** It blocks until it is let go by {@link over}: as long as it takes, on this machine, to be seen. */
function run(task: string): Child {
  rmSync(DOOR, { force: true })
  const child = new Child(process.execPath, ['--import', 'jiti/register', FILE], {
    env: { TASK: task, DOOR, NODE_OPTIONS: undefined },
    name: `stall-process with ${task}`,
  })
  children.push(child)
  return child
}

/** Ends the stall, and resolves to the log's record of it. */
async function over(child: Child): Promise<Spoken> {
  writeFileSync(DOOR, '')
  return JSON.parse(await child.line('blocked the event loop')) as Spoken
}

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
})

describe('a task that blocks the event loop', () => {
  test.for([
    ['loops', 'the loop'],
    ['matches', 'the match'],
    ['sleeps', 'the wait'],
  ] as const)('is named with its line while it %s', async ([task, comment]) => {
    const child = run(task)
    const line = await child.line('blocks the event loop')
    expect(child.lines.some((each) => each.includes('"message":"end"'))).toBe(false)
    expect(line).toContain(`warn task blocks the event loop task=${task} id=culprit blockedMs=`)
    expect(line).toContain(` at=${lineOf(comment)}`)
    const { fields } = await over(child)
    expect(fields).toMatchObject({ task, id: 'culprit', at: expect.stringContaining(lineOf(comment)) as string })
    const end = JSON.parse(await child.line('"message":"end"')) as Spoken
    expect(end.fields).toMatchObject({ state: 'SUCCESS' })
    expect((end.fields.lag as LagFigures).maxMs).toBeGreaterThan(500)
  })

  test('is named while it waits for native code, and its line when that returns', async () => {
    const child = run('calls')
    const line = await child.line('blocks the event loop')
    expect(line).toContain('task=calls id=culprit')
    expect(line).not.toContain(' at=')
    expect((await over(child)).fields).toMatchObject({
      task: 'calls',
      id: 'culprit',
      at: expect.stringContaining(lineOf('the call')) as string,
    })
  })

  test('is among those that may have done it where native code is called after an await', async () => {
    const child = run('later')
    const line = await child.line('blocks the event loop')
    expect(line).toContain('something blocks the event loop')
    expect(line).toContain('candidates=["later culprit","waits waiter"]')
    expect((await over(child)).fields).toMatchObject({
      task: 'later',
      at: expect.stringContaining(lineOf('the later call')) as string,
    })
  })
})

describe('marks', () => {
  test('name the task that has the thread to itself', () => {
    const buffer = new SharedArrayBuffer(STALL_BYTES)
    const marks = new StallMarks(buffer)
    marks.enter('waits', 'a')
    marks.called()
    marks.enter('übt', 'b')
    expect(readMarks(buffer)).toEqual({ blocker: { task: 'übt', id: 'b' } })
    marks.called()
    expect(readMarks(buffer)).toEqual({
      candidates: [
        { task: 'übt', id: 'b' },
        { task: 'waits', id: 'a' },
      ],
    })
  })

  test('forget who has left, and do without those for whom there is no room', () => {
    const buffer = new SharedArrayBuffer(STALL_BYTES)
    const marks = new StallMarks(buffer)
    const taken = Array.from({ length: 500 }, (_, index) => marks.enter('t', String(index)))
    marks.called()
    expect(taken.filter((mark) => mark < 0).length).toBeGreaterThan(0)
    for (const mark of taken) marks.leave(mark)
    expect(readMarks(buffer)).toEqual({ candidates: [] })
    const last = marks.enter('t', 'x'.repeat(1_000))
    expect(readMarks(buffer).blocker?.task).toBe('t')
    marks.leave(last)
  })
})
