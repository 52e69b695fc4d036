import { afterEach, expect, test } from 'vitest'
import { canFillDisk, fillDisk } from './embedded/full-disk.ts'
import { Deployment } from './embedded/kills.ts'

let deployment: Deployment | undefined
afterEach(() => deployment?.clear())

test(
  'killed and stopped at any instant, an embedded broker loses nothing confirmed',
  { timeout: 240_000 },
  async () => {
    deployment = new Deployment(1)
    await deployment.start()
    for (const blow of ['owner', 'all', 'owner', 'owner and heir', 'owner'] as const) await deployment.strike(blow)
    await deployment.strike('stopped owner', 1_000)
    const { lost, corrupt, confirmed, takeOverMs } = await deployment.end()
    expect({ lost, corrupt }).toEqual({ lost: [], corrupt: [] })
    expect(confirmed).toBeGreaterThan(50)
    expect(takeOverMs).toHaveLength(3)
  },
)

test.runIf(canFillDisk())(
  'on a full disk it refuses new messages, works on, and takes them again',
  { timeout: 240_000 },
  async () => {
    const figures = await fillDisk()
    expect(figures?.refused).toBeGreaterThan(1)
    expect(figures?.confirmedAfter).toBeGreaterThan(0)
  },
)
