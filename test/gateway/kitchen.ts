import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { lovage, type App } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import type { Task } from '../../src/app/task.ts'
import type { Gateway, JoinOptions } from '../../src/gateway/gateway.ts'
import { worker, type Worker } from '../../src/worker/worker.ts'
import { ask, openApp, openGateway, signal, started, type Answer } from './open-gateway.ts'

type Order = Task<[body: string], string>

/** What one process of a deployment runs. */
export interface Instance {
  readonly app: App
  readonly gateway: Gateway
  readonly url: string
}

export const HEADER: JoinOptions = { key: { header: 'Idempotency-Key' } }

/** One run at a time: each says what it is, and ends when it is told to. */
export class Kitchen {
  readonly broker = `memory://${randomUUID()}`
  readonly runs: { readonly body: string; readonly end: (result: string) => void }[] = []
  isOpen = true

  task(app: App): Order {
    return app.task('order', { abandonable: true }, async (body: string) => {
      if (this.isOpen) {
        this.runs.push({ body, end: () => {} })
        return `${body} ${this.runs.length}`
      }
      const gate = signal<string>()
      const { signal: aborted } = currentTask()
      aborted.addEventListener('abort', () => gate.fire('aborted'))
      this.runs.push({ body, end: gate.fire })
      const result = await gate.promise
      aborted.throwIfAborted()
      return result
    })
  }

  /** A gateway in a process of its own, as far as it can tell. */
  async instance(join: JoinOptions = HEADER, settings: GivenSettings = {}): Promise<Instance> {
    const app = lovage(
      'shop',
      { broker: this.broker, publishTimeout: 150, connectTimeout: 150, ...settings },
      { env: {} },
    )
    onTestFinished(() => app.close())
    const task = this.task(app)
    const args = ({ body }: { body: unknown }): [string] => [JSON.stringify(body)]
    const gateway = openGateway(app)
      .post('/orders', task, { args, join, abandonAfter: 30 })
      .post('/others', task, { args, join })
      .post('/later', task, { args, join, reply: 'accept' })
      .post('/short', task, { args, join, timeout: 50 })
    return { app, gateway, url: await started(gateway) }
  }

  async worker(revoked: readonly string[] = []): Promise<Worker> {
    const app = openApp({ broker: this.broker })
    this.task(app)
    const running = worker(app, { gracePeriod: 0 })
    onTestFinished(() => running.stop())
    running.revoke(revoked)
    await running.start()
    return running
  }
}

export function order(url: string, key?: string, body = '{"size":"m"}'): Promise<Answer> {
  const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) }
  return ask(url, { method: 'POST', body, headers })
}
