import { afterAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { FaultKit } from '../../src/testing/simulator/faults.ts'
import { SimulatedProcess } from '../../src/testing/simulator/process.ts'
import { openRabbitLink } from '../../src/testing/simulator/rabbit-link.ts'
import { RabbitServer } from '../../src/testing/simulator/rabbit-server.ts'
import { Timeline } from '../../src/testing/simulator/timeline.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

const timeline = new Timeline(1)
const kit = new FaultKit({ seed: 1, faults: {}, nowMs: () => timeline.monotonic() })
const nothing = (): void => {}
const server = new RabbitServer(timeline, kit, { accepted: nothing, settled: nothing, dropped: nothing })

/** The model is for virtual time; here its time goes along with the machine's. */
let isOver = false
const beganMs = systemClock.monotonic()
const running = (async () => {
  while (!isOver) {
    const nowMs = systemClock.monotonic() - beganMs
    timeline.at(nowMs, nothing)
    await timeline.drive(() => false, nowMs)
    await sleep(systemClock, 1)
  }
})()
afterAll(() => {
  isOver = true
  return running
})

/** What the model of RabbitMQ does not have, because nothing of Lovage's needs it in a simulation. */
const LACKS = {
  'headers that no wire can carry are ENCODE_FAILED and name the place': 'messages are not made into bytes',
  'properties and names that no wire can carry are ENCODE_FAILED, and harm nobody': 'messages are not made into bytes',
  'headers that leave no room for the reason are cut down to what tells what it is': 'messages are not made into bytes',
  'a full queue that refuses is PUBLISH_REFUSED': 'queues that are full drop their oldest',
  'when the dead letters cannot take it, the delivery stays ours': 'queues that are full drop their oldest',
  'rejected and run-out messages go to the dead-letter exchange, with their death told': 'no dead-letter exchanges',
}
const lacks = new Map<string, string>(Object.entries(LACKS))
const met: string[] = []
const testOfModel = Object.assign(
  (name: string, play: () => Promise<void>): void => {
    const why = lacks.get(name)
    met.push(name)
    const register = why === undefined ? test : test.skip
    register(why === undefined ? name : `${name}: ${why}`, play)
  },
  { skip: test.skip },
)

brokerSuite(
  { test: testOfModel, expect },
  (options) => {
    const process = new SimulatedProcess('suite', timeline, kit)
    const net = { timeline, server, process, channelCredit: 512, onLoss: nothing, onPacket: nothing }
    return openBroker('amqp://simulated', {
      ...PATIENT_BROKER,
      ...options,
      openLink: (link) => openRabbitLink(net, link),
    })
  },
  { hidesDelayed: true },
)

test('what the model lacks is in the suite', () => {
  expect(met).toEqual(expect.arrayContaining([...lacks.keys()]))
})
