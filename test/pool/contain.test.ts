import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../services/child.ts'

const program = (env: Record<string, string> = {}): Child => {
  const file = fileURLToPath(new URL('contain-process.ts', import.meta.url))
  return startChild(process.execPath, ['--import', 'jiti/register', file], { env })
}

test('a rejected promise that a task left behind is named with its task, and ends neither the worker nor other tasks', async () => {
  const child = program()
  expect(await child.ended({ timeoutMs: 40_000 }), child.tail()).toEqual({ code: 0, signal: null })
  const told = child.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as object)
  const one = { task: 'careless', error: 'nobody waits for this', stack: expect.stringContaining('contain-process') }
  const message = 'a promise of this task was rejected and nobody waited for it'
  expect(told).toEqual([
    { message, id: 'at-once', ...one },
    { message, id: 'later', ...one },
  ])
  expect(child.lines).toEqual(expect.arrayContaining(['false', 'still here', 'the end']))
})

test('one that is of no task ends the process, as it does without us', async () => {
  const child = program({ STRAY: '1' })
  expect((await child.ended({ timeoutMs: 40_000 })).code).not.toBe(0)
  expect(child.lines.join('\n')).toContain('of no task')
  expect(child.lines).not.toContain('the end')
})
