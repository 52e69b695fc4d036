/**
 * A user of an embedded store as a process of its own, for tests that kill it. The first one at a place runs its engine.
 * With a number it changes things so often, and says on stdout what was confirmed.
 */
import { openStore } from '../../src/store/open.ts'

const [url = '', changes = '0'] = process.argv.slice(2)
const say = (what: string): void => void process.stdout.write(`${what}\n`)
const store = openStore(url, { connectTimeoutMs: 30_000 })
const ttlMs = 600_000

await store.start()
say('ready')
for (let nth = 0; nth < Number(changes); nth++) {
  await Promise.all([
    store.set(`crash:value-${nth}`, `${nth}`, { ttlMs }).then(() => say(`set ${nth}`)),
    store.count('crash:count', { ttlMs, member: `${nth}` }).then(({ value }) => say(`counted ${nth} ${value}`)),
    store
      .log('crash:log')
      .append(`${nth}`, { ttlMs, maxEntries: 100_000 })
      .then((at) => say(`appended ${nth} ${at}`)),
    store
      .due('crash:due')
      .put(`${nth}`, { atMs: 0, value: `${nth}` })
      .then(() => say(`put ${nth}`)),
    store
      .lease(`crash:lease-${nth}`, { ttlMs, holder: 'it' })
      .then(({ lease }) => say(`leased ${nth} ${lease?.token}`)),
  ])
}
