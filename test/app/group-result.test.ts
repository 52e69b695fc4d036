import { expect, test } from 'vitest'
import type { AnyResult } from '../../src/app/group-result.ts'
import { GroupResult, idsOf } from '../../src/app/group-result.ts'

test('A group may have more members than a call takes arguments', () => {
  const results = Array.from({ length: 200_000 }, (_, at) => ({ id: `id${at}`, parent: undefined }) as AnyResult)
  const group = new GroupResult({ id: 'g', results }, { revoke: async () => {} })
  expect(idsOf(group)).toHaveLength(200_000)
})
