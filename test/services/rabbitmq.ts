import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

export { describeWith } from './available.ts'
export { RabbitmqNode } from './rabbitmq-node.ts'

/** Longest wait for the first file that asks, which waits for the start of the server. */
const ASK_MS = 120_000

/**
 * The `amqp://` URL of a virtual host of this test file's own, on the RabbitMQ of the run; the first call starts it.
 * Call it in `beforeAll` with `import.meta.url`. For faults that would hurt others (kill, alarm, restart) start a
 * {@link RabbitmqNode}.
 */
export function brokerUrl(testFileUrl: string): Promise<string> {
  return ask(`/rabbitmq?file=${encodeURIComponent(fileURLToPath(testFileUrl))}`)
}

/** The URL of the Redis of the run. Shared by all files: use keys of your own, never FLUSHDB. */
export function redisUrl(): Promise<string> {
  return ask('/redis')
}

async function ask(path: string): Promise<string> {
  const response = await fetch(inject('servicesUrl') + path, { signal: AbortSignal.timeout(ASK_MS) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}
