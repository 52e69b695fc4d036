import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lovage, ROOT } from '../cli/lovage.ts'
import { rawClient, type RawClient } from '../gateway/raw-client.ts'
import type { Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const CONFIG = join(ROOT, 'examples/blocking/lovage.config.ts')
const END = '\r\n\r\n{"results":'

const folder = temporaryFolder()

describe('the example with queries that block', () => {
  let child: Child
  let base: string

  beforeAll(async () => {
    const port = await freePort()
    base = `http://127.0.0.1:${port}`
    const env = { LOVAGE_HOME: join(folder, 'blocking'), BLOCKING_QUERY_MS: '2000' }
    child = lovage(['dev', '--no-reload', '--port', String(port), '--config', CONFIG], { env })
    await child.line('Ctrl-C stops it', { timeoutMs: 60_000 })
    // The first ones have the processes started.
    await Promise.all([1, 2].map((key) => fetch(`${base}/query?key=${key}`).then((answer) => answer.text())))
  }, 150_000)
  afterAll(() => child.kill())

  /** Asks for a query, and behind it for the quick page: the order in which they are answered. */
  async function order(path: string): Promise<string[]> {
    const ended: string[] = []
    const clients = await Promise.all([rawClient(base), rawClient(base)])
    const ask = (client: RawClient, name: string, url: string): Promise<unknown> => {
      client.send(`GET ${url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
      return client.until((text) => text.includes(END)).then(() => ended.push(name))
    }
    await Promise.all([ask(clients[0], 'query', path), ask(clients[1], 'quick', '/i_want_you_now')])
    return ended
  }

  it('answers the quick page first while a task runs the query', async () => {
    expect(await order('/query?key=a')).toEqual(['quick', 'query'])
  }, 150_000)

  it('answers it behind the query where the gateway runs that itself', async () => {
    expect(await order('/naive?key=a')).toEqual(['query', 'quick'])
  }, 150_000)
})
