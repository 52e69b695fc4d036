// A process that claims a data directory as often as it is told to: `claim` and `release` on stdin, and says what came of it.
import cluster from 'node:cluster'
import { createInterface } from 'node:readline'
import { systemClock } from '../../../src/base/clock.ts'
import { isLovageError } from '../../../src/base/errors.ts'
import { type Claim, claim } from '../../../src/broker/embedded/owner/claim.ts'
import { openPlace } from '../../../src/broker/embedded/owner/place.ts'

const [home = '', mode] = process.argv.slice(2)
let held: Claim | undefined
const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (mode === 'cluster' && cluster.isPrimary) {
  for (let worker = 0; worker < 3; worker++) cluster.fork().on('message', (text) => say(String(text)))
} else if (mode === 'cluster') {
  process.send?.(await attempt())
  setInterval(() => {}, 60_000)
} else {
  say('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'claim') say(await attempt())
    else held?.release()
  }
}

async function attempt(): Promise<string> {
  try {
    held = await claim(openPlace(home), systemClock)
    return held ? 'is owner' : 'is not owner'
  } catch (error) {
    return isLovageError(error) ? error.code : String(error)
  }
}
