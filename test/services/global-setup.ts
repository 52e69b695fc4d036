import { createServer, type IncomingMessage } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { removeFolder, temporaryFolder } from './reaper.ts'
import { RabbitmqNode } from './rabbitmq-node.ts'
import { RedisNode } from './redis-node.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files ask for services of the whole run. */
    servicesUrl: string
  }
}

const TESTS = fileURLToPath(new URL('..', import.meta.url))

/**
 * One RabbitMQ and one Redis for the whole run, each started when the first test file asks for it, so that a run that
 * needs none waits for none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // What a test leaves on the embedded broker must not come to lie in the project.
  const home = (process.env['LOVAGE_HOME'] = temporaryFolder('home'))
  let rabbitmq: Promise<RabbitmqNode> | undefined
  let redis: Promise<RedisNode> | undefined
  const vhosts = new Set(filesWith('brokerUrl(').map(vhostOf))

  const answer = async (url: URL): Promise<string> => {
    if (url.pathname === '/redis') return (await (redis ??= RedisNode.start())).url()
    const node = await (rabbitmq ??= RabbitmqNode.start({ vhosts: [...vhosts] }))
    const vhost = vhostOf(url.searchParams.get('file') ?? '')
    if (!vhosts.has(vhost)) {
      vhosts.add(vhost)
      await node.addVhost(vhost)
    }
    return node.url(vhost)
  }

  const server = createServer((request: IncomingMessage, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost')).then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.stack : String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('servicesUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    removeFolder(home)
    await Promise.all([rabbitmq?.then((node) => node.remove()), redis?.then((node) => node.remove())])
  }
}

/** The virtual host of a test file: its path below `test/`, with dots for slashes. */
export function vhostOf(file: string): string {
  return relative(TESTS, file).split(sep).join('.').replace(/\.ts$/, '')
}

function filesWith(text: string): string[] {
  return readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(TESTS, name))
    .filter((path) => readFileSync(path, 'utf8').includes(text))
}
