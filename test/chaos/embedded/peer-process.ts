// A process of a deployment on one embedded broker, for tests that end it:
// `node scripts/run-ts.mjs peer-process.ts <url> <log> <name> <role>`. What it does it appends to its log before and after,
// so that it is known whatever ends it.
import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { currentTask, isLovageError, lovage, TaskError } from 'lovage'
import { worker } from 'lovage/worker'
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
  await sleep(nth % 7)
  return stampOf(sender, nth)
})

let isResting = false
const { broker } = await app.client()
broker.onState((state) => say('state', state, 'at', Date.now()))

if (role === 'worker') await worker(app, { concurrency: 20 }).start()
if (role === 'sender') void sendForEver()

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const [order, ...ids] = line.split(' ')
  if (order === 'outcomes') void tellOutcomes(ids)
  if (order === 'rest') isResting = true
})
say('ready', name)

async function sendForEver(): Promise<void> {
  let sending = 0
  let confirmed = 0
  for (let nth = 0; !isResting; nth++) {
    while (sending >= MOST_SENDING) await sleep(REST_MS)
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
    await sleep(REST_MS)
  }
  while (sending > 0) await sleep(REST_MS)
  say('rests')
}

/** Says what came of tasks; nothing of one that comes to nothing. */
async function tellOutcomes(ids: string[]): Promise<void> {
  await Promise.all(ids.map(tellOutcome))
  say('outcomes told')
}

async function tellOutcome(id: string): Promise<void> {
  try {
    note('outcome', id, 'SUCCESS', JSON.stringify(await app.asyncResult(id).get({ timeout: '30s' })))
  } catch (error) {
    if (error instanceof TaskError) note('outcome', id, 'FAILURE', error.message)
    else say('no outcome', id, String(error))
  }
}
