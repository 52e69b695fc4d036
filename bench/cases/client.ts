import type { BenchCase, Figure } from '../case.ts'
import { bareSpeaker } from '../peers/bare-speaker.mjs'
import { BODY, headersOf } from '../peers/celery-message.mjs'
import { ourSpeaker } from '../peers/our-speaker.mjs'
import { callsPerSecond, sideBySide, startPeer, stopPeer } from '../side-by-side.ts'

type Speaker = Awaited<ReturnType<typeof bareSpeaker>>

const HEADERS = headersOf({ ignoreResult: true })

/** Our AMQP client alone, without broker, task and promise, beside a bare speaker that does only what the case needs. */
const client: BenchCase = async ({ tiny, amqpUrl: url }) => {
  if (!url) return [{ what: 'AMQP client', leftOut: 'no RabbitMQ on this machine' }]
  // Many short rounds: what else the machine does comes and goes.
  const rounds = tiny ? 1 : 15
  const count = tiny ? 200 : 5_000
  const [ours, bare] = [await ourSpeaker(url), await bareSpeaker(url)]
  const peers = [await startPeer('echo', 'ours', url, 'echo.ours'), await startPeer('echo', 'bare', url, 'echo.bare')]
  try {
    await Promise.all([ours.confirm(), bare.confirm()])
    for (const speaker of [ours, bare]) await speaker.declare('full')
    const figures: Figure[] = []
    const measure = async (what: string, run: (speaker: Speaker, name: string) => Promise<number>): Promise<void> => {
      figures.push(
        ...(await sideBySide(`client: ${what}`, rounds, {
          lovage: () => run(ours, 'ours'),
          'bare speaker': () => run(bare, 'bare'),
        })),
      )
    }
    const publish = (speaker: Speaker): Promise<void> =>
      new Promise((done) => speaker.publish('full', { body: BODY, headers: HEADERS, persistent: true }, done))
    await measure('publish with headers, confirmed, 1,000 in flight', async (speaker) => {
      const reached = await callsPerSecond(count, 1_000, () => publish(speaker))
      await speaker.purge('full')
      return reached
    })
    await measure('consume with headers and ack, prefetch 100', async (speaker, name) => {
      await callsPerSecond(count, 1_000, () => publish(speaker))
      const consumer = await (name === 'ours' ? ourSpeaker : bareSpeaker)(url)
      await consumer.prefetch(100)
      let left = count
      const from = performance.now()
      await new Promise<void>((resolve) => {
        void consumer.consume('full', false, ({ tag }) => {
          consumer.ack(tag)
          if (--left === 0) resolve()
        })
      })
      const reached = (count / (performance.now() - from)) * 1_000
      consumer.close()
      return reached
    })
    for (const inFlight of tiny ? [64] : [64, 1_000]) {
      await measure(`request and reply, ${inFlight} in flight`, async (_, name) => {
        const speaker = await (name === 'ours' ? ourSpeaker : bareSpeaker)(url)
        const replyTo = `reply.${name}.${inFlight}`
        await speaker.declare(replyTo)
        const waiting = new Map<string, () => void>()
        await speaker.consume(replyTo, true, ({ correlationId }) => {
          waiting.get(correlationId)?.()
          waiting.delete(correlationId)
        })
        let last = 0
        const headers = {}
        const reached = await callsPerSecond(count, inFlight, () => {
          const correlationId = String(++last)
          speaker.publish(`echo.${name}`, { body: BODY, headers, persistent: false, replyTo, correlationId }, () => {})
          return new Promise<void>((done) => waiting.set(correlationId, done))
        })
        speaker.close()
        return reached
      })
    }
    return figures
  } finally {
    ours.close()
    bare.close()
    for (const { child } of peers) await stopPeer(child)
  }
}
export default client
