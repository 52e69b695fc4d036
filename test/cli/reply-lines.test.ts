import { expect, test } from 'vitest'
import { paintFor } from '../../src/cli/paint.ts'
import { jsonOf, linesOf } from '../../src/cli/reply-lines.ts'
import { readReply } from '../../src/protocol/control.ts'
import { capturedFleet, wordAsMessage } from '../protocol/captured.ts'

const paint = paintFor({ isTTY: false } as NodeJS.WriteStream)
const showing = { showReply: true, quiet: false }

test.each(['5.2.6', '5.6.3'] as const)('whatever a worker of Celery %s answers is shown, and is JSON', (version) => {
  const { replies } = capturedFleet(version)
  expect(replies.length).toBeGreaterThan(30)
  for (const word of replies) {
    const reply = readReply(wordAsMessage(word))
    expect(linesOf(reply, paint, showing)[0]).toContain(reply.hostname)
    expect(() => JSON.parse(jsonOf({ [reply.hostname]: reply.value })) as unknown).not.toThrow()
  }
})

test('what no number of JSON says is a text', () => {
  const value = { retries: Infinity, limits: [-Infinity, NaN, 1] }
  expect(JSON.parse(jsonOf(value))).toEqual({ retries: 'Infinity', limits: ['-Infinity', 'NaN', 1] })
  expect(linesOf({ hostname: 'a@one', value: [{ retries: Infinity }] }, paint, showing).at(-1)).toMatch(/Infinity/)
})
