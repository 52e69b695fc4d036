import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { systemClock } from '../base/clock.ts'
import { schemeOf } from '../base/url.ts'
import type { Settings } from '../app/settings.ts'

/** Both halves of a young generation of 4 MiB, which a worker has when it has loaded its modules. */
const ENOUGH_BYTES = 8 * 2 ** 20

/** How often it is looked at while it is smaller. */
const LOOK_MS = 100

/**
 * Has the young generation of this process grow no more once it has what it needs: tasks that come and go would make it
 * four times as large, 15 to 20 MiB, for no CPU time that can be told from noise. Not where it was given a size.
 */
export function boundYoungGeneration(): void {
  const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ')
  if (/semi[-_]space|young[-_]generation/.test(given)) return
  look()
}

/** Whether that is for this process: threads that have work to do share its flags, and are to grow as they need. */
export function hasNoThreads(
  settings: Pick<Settings, 'broker' | 'backend' | 'store'>,
  pools: readonly string[],
): boolean {
  const urls = [settings.broker, settings.backend, settings.store]
  return !pools.includes('threads') && urls.every((url) => url === undefined || schemeOf(url) !== 'embedded')
}

function look(): void {
  if (youngBytes() < ENOUGH_BYTES) return void systemClock.after(LOOK_MS, look, { unref: true })
  stopGrowth()
  // A new thread has V8 take back what it thinks too small.
  process.on('worker', (thread) => thread.once('online', stopGrowth))
}

function stopGrowth(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
}
