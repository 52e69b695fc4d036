import type { SuiteRunner } from './runner.ts'
import { counterTests } from './store/counter-tests.ts'
import { dueTests } from './store/due-tests.ts'
import { leaseTests } from './store/lease-tests.ts'
import { logTests } from './store/log-tests.ts'
import { type OpenStoreForSuite, StoreScene, type StoreSuiteContext } from './store/scene.ts'
import { valueTests } from './store/value-tests.ts'

/**
 * What holds for every kind of store. `open` makes unstarted stores that all meet in one place; the suite gives every key
 * a name of its own, so the place need not be empty.
 */
export function storeSuite({ test, expect }: SuiteRunner, open: OpenStoreForSuite): void {
  const context: StoreSuiteContext = {
    expect,
    scene: (name, play) => {
      test(name, async () => {
        const scene = new StoreScene(await open(), await open(), open)
        try {
          await Promise.all([scene.one.start(), scene.two.start()])
          await play(scene)
        } finally {
          await scene.end()
        }
      })
    },
  }
  valueTests(context)
  counterTests(context)
  leaseTests(context)
  logTests(context)
  dueTests(context)
}
