import { adminTests } from './broker/admin-tests.ts'
import { consumeTests } from './broker/consume-tests.ts'
import { deadLetterTests } from './broker/dead-letter-tests.ts'
import { delayTests } from './broker/delay-tests.ts'
import { publishTests } from './broker/publish-tests.ts'
import { queueTests } from './broker/queue-tests.ts'
import { type BrokerDifferences, type OpenForSuite, Scene, type SuiteContext } from './broker/scene.ts'
import { serviceTests } from './broker/service-tests.ts'
import { topologyTests } from './broker/topology-tests.ts'
import type { SuiteRunner } from './runner.ts'

/**
 * What holds for every kind of broker. `open` makes unstarted brokers that all meet in one place (one virtual host, one
 * engine); the suite gives every queue a name of its own, so the place need not be empty. What a kind does otherwise, it
 * says in `differences`, and the suite holds it to that.
 */
export function brokerSuite(
  { test, expect }: SuiteRunner,
  open: OpenForSuite,
  differences: BrokerDifferences = {},
): void {
  const context: SuiteContext = {
    expect,
    differences,
    scene: (name, play) => {
      test(name, async () => {
        const broker = await open()
        const scene = new Scene(broker, open)
        try {
          await broker.start()
          await play(scene)
        } finally {
          await scene.end()
        }
      })
    },
  }
  serviceTests(context)
  publishTests(context)
  topologyTests(context)
  queueTests(context)
  consumeTests(context)
  adminTests(context)
  deadLetterTests(context)
  if (!differences.hasNoDelays) delayTests(context)
}
