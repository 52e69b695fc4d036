import { type CurrentTask, retryWith, runWithTask } from '../../src/app/current-task.ts'
import type { App } from '../../src/app/app.ts'
import { topologyOf } from '../../src/app/queues.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { failureOf } from '../../src/protocol/failure.ts'
import type { Message } from '../../src/protocol/message.ts'
import type { Outcome } from '../../src/protocol/outcome.ts'
import { readBody, readTask, type TaskRequest } from '../../src/protocol/task-message.ts'

/** What a test sees of a message that was run. */
export interface Received {
  readonly message: Message
  readonly request: TaskRequest
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly queue: string
}

/** Runs the tasks of an application off its queues, with none of what makes a worker: enough to see a call arrive. */
export async function tinyWorker(app: App, queues: readonly string[] = ['celery']): Promise<Received[]> {
  const { broker, backend } = await app.client()
  const received: Received[] = []
  const run = async (delivery: Delivery): Promise<void> => {
    const { message } = delivery
    const request = readTask(message)
    const { args, kwargs } = readBody(request, { accept: ['application/json'] })
    received.push({ message, request, args, kwargs, queue: delivery.queue })
    const { replyTo, correlationId, id } = request
    const put = (outcome: Pick<Outcome, 'state' | 'result'>): Promise<void> =>
      backend.put({ id, traceback: null, ...outcome }, { replyTo, correlationId })
    const current: CurrentTask = {
      id,
      name: request.task,
      args,
      kwargs,
      retries: request.retries,
      signal: new AbortController().signal,
      deadline: undefined,
      remainingMs: Infinity,
      trace: undefined,
      request,
      delivery,
      hostname: 'tiny@test',
      progress: (meta) => void put({ state: 'PROGRESS', result: { value: meta } }),
      updateState: (state, meta) => void put({ state, result: { value: meta } }),
      retry: (options) => retryWith(options, 0),
      sent: () => {},
    }
    try {
      const value: unknown = await runWithTask(current, () => app.registry.get(request.task)?.call(args, kwargs))
      await put({ state: 'SUCCESS', result: { value } })
    } catch (error) {
      await put({ state: 'FAILURE', result: { value: failureOf(error) } })
    }
    delivery.ack()
  }
  for (const queue of queues) await broker.declare(topologyOf(app.settings, queue))
  await broker.consume({ queues, prefetch: 10, onDelivery: (delivery) => void run(delivery) })
  return received
}
