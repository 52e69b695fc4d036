import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import { openPool } from '../../src/pool/open.ts'
import type { PoolOptions } from '../../src/pool/pool.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { type CallFields, PoolScene } from '../../src/testing/pool/scene.ts'
import { app } from './child-tasks.ts'

/** Both kinds of pools with children. */
export const KINDS = ['threads', 'processes'] as const

/** A started pool of children that knows the tasks of `child-tasks.ts`, and what is logged meanwhile. */
export class ChildScene extends PoolScene implements AsyncDisposable {
  readonly records: LogRecord[] = []
  readonly #watchers = new Set<() => void>()
  readonly #stopListening = onLog((record) => {
    this.records.push(record)
    for (const watcher of this.#watchers) watcher()
  })

  static async open(kind: 'threads' | 'processes', options: Partial<PoolOptions> = {}): Promise<ChildScene> {
    const modules = [fileURLToPath(new URL('child-tasks.ts', import.meta.url))]
    const given = { app, hostname: 'here', size: 1, clock: systemClock, accept: ['application/json'], modules }
    const scene = new ChildScene(openPool(kind, { ...given, types: 'typed', ...options }))
    await scene.pool.start()
    return scene
  }

  /** What a task returned. */
  async value(task: string, args: readonly unknown[] = [], fields?: CallFields): Promise<unknown> {
    return payloadValue((await this.run(task, args, fields)).result)
  }

  /** The first record with that message, of those that came and those to come. */
  logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.records.find((record) => record.message === message)
        if (!found) return
        this.#watchers.delete(look)
        resolve(found.fields)
      }
      this.#watchers.add(look)
      look()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.stop()
    this.#stopListening()
  }
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
