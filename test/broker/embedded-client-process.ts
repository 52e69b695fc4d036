/**
 * A user of an embedded broker as a process of its own, for tests that end it. It says on stdout what it does, and takes
 * orders on stdin: `publish <queue> <count> <name>`, `consume <queue>`, `hold <queue>` (never settles), `stop`.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../src/base/clock.ts'
import { messageOf } from '../../src/base/errors.ts'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, textOf, toQueue } from '../../src/testing/broker/scene.ts'

const broker = openBroker(process.argv[2] ?? '', { publishTimeoutMs: 60_000, connectTimeoutMs: 60_000 })
const say = (what: string): void => void process.stdout.write(`${what}\n`)

broker.onState((state) => say(`state ${state} at ${systemClock.monotonic()}`))

const orders: Record<string, (...words: string[]) => Promise<void>> = {
  async publish(queue = '', count = '1', name = 'm') {
    await broker.declare({ queues: [{ name: queue }] })
    const send = async (nth: number): Promise<void> => {
      try {
        await broker.publish(textMessage(`${name}-${nth}`), toQueue(queue))
        say(`confirmed ${name}-${nth}`)
      } catch (error) {
        say(`failed ${name}-${nth}: ${messageOf(error)}`)
      }
    }
    await Promise.all(Array.from({ length: Number(count) }, (_, nth) => send(nth)))
    say(`published ${name}`)
  },
  async consume(queue = '') {
    await broker.declare({ queues: [{ name: queue }] })
    await broker.consume({
      queues: [queue],
      prefetch: 50,
      onDelivery: (delivery) => {
        say(`got ${textOf(delivery)}${delivery.redelivered ? ' again' : ''}`)
        delivery.ack()
      },
    })
    say(`consuming ${queue}`)
  },
  async hold(queue = '') {
    await broker.declare({ queues: [{ name: queue }] })
    await broker.consume({ queues: [queue], prefetch: 0, onDelivery: (delivery) => say(`holds ${textOf(delivery)}`) })
    say(`consuming ${queue}`)
  },
  async stop() {
    await broker.stop()
    lines.close()
    say('stopped')
  },
}

await broker.start()
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const [order = '', ...words] = line.split(' ')
  orders[order]?.(...words).catch((error: unknown) => say(`${order} failed: ${messageOf(error)}`))
})
say('ready')
