// A process of a deployment on one embedded broker, for tests that end it: `node scripts/run-ts.mjs peer-process.ts <url> <log> <name>
// <role>`. What it does it appends to its log before and after, so that it is known whatever ends it.
import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { crc32 } from 'node:zlib'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { isLovageError } from '../../../src/base/errors.ts'
import { currentTask, lovage } from '../../../src/index.ts'
import { payloadValue } from '../../../src/protocol/outcome.ts'
import { worker } from '../../../src/worker/worker.ts'
import { stampOf, textOf } from './stamp.ts'

/** Most sends on their way, and how long a sender rests after one. */
const MOST_SENDING = 10
const REST_MS = 5

const [url = '', log = '', name = '', role = ''] = process.argv.slice(2)
const fd = openSync(log, 'a')
const note = (...words: (string | number)[]): void => void writeSync(fd, `${words.join(' ')}\n`)
const say = (...words: (string | number)[]): void => void process.stdout.write(`${words.join(' ')}\n`)

// Deaths are what this is about: none is too many.
const app = lovage('kills', { broker: url, backend: url, maxDeliveries: 1000, connectTimeout: '60s' }, { env: {} })
const stamp = app.task('kills.stamp', async (sender: string, nth: number, text: string) => {
  note('started', currentTask().id)
  if (text !== textOf(sender, nth)) note('wrong', currentTask().id, crc32(text))
  await sleep(systemClock, nth % 7)
  return stampOf(sender, nth)
})

let isResting = false
const { broker, backend } = await app.client()
broker.onState((state) => say('state', state, 'at', systemClock.now()))

if (role === 'worker') await worker(app, { concurrency: 20 }).start()
if (role === 'sender') void sendForEver()

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const [order, ...ids] = line.split(' ')
  if (order === 'outcomes') void tellOutcomes(ids)
  if (order === 'rest') isResting = true
  if (order === 'depth') void broker.admin?.depth(ids[0] as string).then((depth) => say('depth', depth?.messages ?? 0))
})
say('ready', name)

async function sendForEver(): Promise<void> {
  let sending = 0
  let confirmed = 0
  for (let nth = 0; !isResting; nth++) {
    while (sending >= MOST_SENDING) await sleep(systemClock, REST_MS)
    const sent = stamp.delay(name, nth, textOf(name, nth))
    note('sent', sent.id, name, nth)
    sending++
    sent
      .then(
        () => {
          note('confirmed', sent.id)
          say('confirmed', ++confirmed)
        },
        (error: unknown) => note('failed', sent.id, isLovageError(error) ? error.code : String(error)),
      )
      .finally(() => sending--)
    await sleep(systemClock, REST_MS)
  }
  while (sending > 0) await sleep(systemClock, REST_MS)
  say('rests')
}

/** Says what came of tasks, for as long as it takes. */
async function tellOutcomes(ids: string[]): Promise<void> {
  for (const id of ids) {
    for (;;) {
      const outcome = await backend.get(id).catch(() => undefined)
      if (outcome?.state === 'SUCCESS' || outcome?.state === 'FAILURE') {
        note('outcome', id, outcome.state, JSON.stringify(payloadValue(outcome.result)))
        break
      }
      await sleep(systemClock, 20)
    }
  }
  say('outcomes told')
}
