import { expect } from 'vitest'
import { currentTask, Ignore } from '../../src/index.ts'
import { NO_EMBED, type Embed, signature, type Signature } from '../../src/protocol/signature.ts'
import { encodeBody } from '../../src/protocol/task-message.ts'
import { Bench, type BenchOptions } from './bench.ts'

/** How a task was called. */
export interface Seen {
  readonly task: string
  readonly args: readonly unknown[]
  readonly id: string
  readonly rootId: string
  readonly parentId: string | null
  readonly group: string | null
}

/** A bench with tasks that note how they were called. */
export class Canvas extends Bench {
  readonly seen: Seen[] = []

  constructor(options: BenchOptions = {}) {
    super(options)
    const note = (): void => {
      const { name: task, args, request } = currentTask()
      const { id, rootId, parentId, group } = request
      this.seen.push({ task, args, id, rootId, parentId, group })
    }
    this.app.task('add', (x: number, y: number) => (note(), x + y))
    this.app.task('sum', (xs: number[]) => (note(), xs.reduce((a, b) => a + b, 0)))
    this.app.task('fail', () => {
      note()
      throw new TypeError('boom')
    })
    this.app.task('note', (_value?: unknown) => note())
    this.app.task('onError', (_request: unknown, _error: unknown, _traceback: unknown) => note())
    this.app.task('ignore', () => {
      note()
      throw new Ignore()
    })
  }

  async start(task: string, args: readonly unknown[], embed: Partial<Embed>, fields: object = {}): Promise<string> {
    const body = encodeBody(args, {}, { ...NO_EMBED, ...embed })
    return (await this.publish({ task, body, ...fields })).id
  }

  async ended(id: string): Promise<unknown> {
    await expect.poll(async () => (await this.ending(id)).state, { timeout: 60_000 }).toMatch(/SUCCESS|FAILURE|REVOKED/)
    const { backend } = await this.app.client()
    const outcome = await backend.get(id)
    return outcome
  }

  called(task: string): Seen[] {
    return this.seen.filter((seen) => seen.task === task)
  }
}

/** A signature of one task. */
export const sig = (task: string, args: unknown[] = [], options = {}, immutable = false): Signature =>
  signature(task, args, {}, options, { immutable })
