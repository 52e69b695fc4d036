// One process of graphile-worker that adds jobs and runs them. argv: where the package is, URL of PostgreSQL. serve.mjs says
// what it can be told.
import { pathToFileURL } from 'node:url'
import { openGraphile } from './graphile.mjs'
import { mustBe, serve } from './serve.mjs'

const [path = '', url = ''] = process.argv.slice(2)
const module = await import(pathToFileURL(path).href)
const graphile = await openGraphile({ ...module.default, ...module }, url)

serve({
  send: (count, window) => graphile.send(count, window),
  async drain(count) {
    const tookMs = await graphile.drain(count)
    mustBe('jobs left', await graphile.waiting(), 0)
    return tookMs
  },
  async purge() {
    const waiting = await graphile.waiting()
    await graphile.purge()
    return waiting
  },
})
