import { expect, test } from 'vitest'
import { lineForParent, type Stall, stallIn } from '../../src/pool/stall.ts'

const stall: Stall = {
  ...{ blockedMs: 1_200, isOver: false, blocker: { task: 'a', id: '1' } },
  ...{ candidates: [{ task: 'b', id: '2' }], at: 'file:1:2', frames: ['f (file:1:2)'] },
}

test('what the watch of a child has seen is read back', () => {
  expect(stallIn(lineForParent(stall))).toEqual(stall)
  expect(stallIn(lineForParent({ blockedMs: 1, isOver: true }))).toEqual({ blockedMs: 1, isOver: true })
})

test('a line that a task wrote, of what somebody sent it perhaps, is no stall because it begins like one', () => {
  const begin = lineForParent(stall).replace(/\{.*/, '')
  const foreign = [null, 5, [], {}, { ...stall, blockedMs: '1' }, { ...stall, isOver: 1 }, { ...stall, blocker: 'me' }]
  const lists = [
    { ...stall, candidates: 1 },
    { ...stall, candidates: [null] },
    { ...stall, frames: 'f' },
  ]
  for (const value of [...foreign, ...lists, { ...stall, frames: [{}] }, { ...stall, at: 1 }]) {
    expect(stallIn(begin + JSON.stringify(value))).toBeUndefined()
  }
  expect(stallIn(`${begin}{`)).toBeUndefined()
})
