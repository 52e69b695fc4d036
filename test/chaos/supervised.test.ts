import { expect, test } from 'vitest'
import { unruly } from './supervised/unruly.ts'

/** Garbage that nobody has collected yet may be some tens of MB; what is kept of a flood would be hundreds. */
const MOST_GROWTH = 64 * 1024 ** 2

test(
  'programs that crash, hang, ignore SIGTERM, fork, flood and close stdout leave no zombie and no wrong state',
  { timeout: 90_000 },
  async () => {
    const { failures, changes, memoryBytes, loggedBytes } = await unruly({ programs: 18, floods: 1, seconds: 3 })
    expect(failures).toEqual([])
    expect(changes).toBeGreaterThan(30)
    // Two files of a flood are kept, of what is read meanwhile nothing else.
    expect(loggedBytes).toBeLessThan(4 * 1024 ** 2)
    expect(memoryBytes.late - memoryBytes.early).toBeLessThan(MOST_GROWTH)
  },
)
