import type { ChildProcess } from 'node:child_process'
import type { Profiler } from 'node:inspector'
import { startPeer, stopPeer } from '../side-by-side.ts'

/** What a process is there for: bench/peers/profiled-user.mjs says what each does. */
export type Role = 'caller' | 'worker' | 'both' | 'owner'

interface Answer {
  readonly failed?: string
  readonly profiles?: readonly Profiler.Profile[]
}

/** A process that tasks pass, with a profiler in it. */
export class User {
  readonly role: Role
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(role: Role, child: ChildProcess) {
    this.role = role
    this.pid = child.pid as number
    this.#child = child
  }

  static async start(role: Role, url: string): Promise<User> {
    // Over RabbitMQ results come by its reply queues.
    const backend = url.startsWith('redis:') ? { backend: url } : {}
    const { child } = await startPeer('profiled-user', JSON.stringify({ role, broker: url, ...backend }))
    return new User(role, child)
  }

  /** So many calls, `window` of them in flight; resolves when all have their results. */
  async call(count: number, window: number): Promise<void> {
    await this.#ask({ call: count, window })
  }

  async profile(): Promise<void> {
    await this.#ask({ profile: true })
  }

  /** Ends the profile; one for each thread that runs JavaScript. */
  async profiled(): Promise<readonly Profiler.Profile[]> {
    return (await this.#ask({ profiled: true })).profiles ?? []
  }

  stop(): Promise<void> {
    return stopPeer(this.#child)
  }

  #ask(message: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the ${this.role} ended with code ${code}`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (answer: Answer) => {
        this.#child.off('exit', onExit)
        if (answer.failed === undefined) resolve(answer)
        else reject(new Error(`the ${this.role}: ${answer.failed}`))
      })
      this.#child.send(message)
    })
  }
}
