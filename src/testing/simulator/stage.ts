import { AsyncLocalStorage } from 'node:async_hooks'
import { type App, setStandIns } from '../../app/app.ts'
import { type Clock, lendTime } from '../../base/clock.ts'

/** A simulated process, as the code that runs in it sees it. */
export interface Place {
  readonly clock: Clock
  /** What stands in for applications there. */
  readonly apps: ReadonlyMap<App, App>
}

const places = new AsyncLocalStorage<Place>()

/** Simulations that run now. */
let open = 0
let giveBack = (): void => {}

/**
 * Lets code that knows of no simulator run in one: applications that it has at hand are those of the process in which it
 * runs, and so are time, timers and chance. Returns how to end that.
 */
export function openStage(): () => void {
  if (open++ === 0) {
    giveBack = lendTime(() => places.getStore()?.clock)
    setStandIns((app) => places.getStore()?.apps.get(app))
  }
  return () => {
    if (--open > 0) return
    giveBack()
    setStandIns(undefined)
  }
}

/** Runs `fn`, and all that it starts, in a process. */
export function runAt<T>(place: Place, fn: () => T): T {
  return places.run(place, fn)
}
