import { expect, test } from 'vitest'
import { judgeMutatedMessages } from './mutated-messages.ts'

test('each of 5,000 mutated messages is a message or a typed error', () => {
  const verdicts = judgeMutatedMessages(5_000, 1)
  // The mutations reach behind each of the doors.
  for (const count of Object.values(verdicts)) expect(count).toBeGreaterThan(50)
})
