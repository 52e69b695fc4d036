import { connect } from 'node:net'
import { join } from 'node:path'
import { findCommand } from '../../scripts/services.mjs'
import { startChild, type Child } from './child.ts'
import { freePort } from './ports.ts'
import { removeFolder, temporaryFolder } from './reaper.ts'

/** Longest wait for it to take connections; it is up at once on an idle machine. */
const START_MS = 60_000

/** A Redis of its own: own port, own data, appendonly, nothing left behind. */
export class RedisNode {
  readonly port: number
  readonly folder: string
  #server: Child | undefined
  #more: readonly string[]

  private constructor(port: number, folder: string, more: readonly string[]) {
    this.port = port
    this.folder = folder
    this.#more = more
  }

  /** Starts one and resolves when it answers. `more` are arguments, beside ours. */
  static async start(more: readonly string[] = []): Promise<RedisNode> {
    const node = new RedisNode(await freePort(), temporaryFolder('redis'), more)
    try {
      await node.start()
    } catch (error) {
      await node.remove()
      throw error
    }
    return node
  }

  url(database = 0): string {
    return `redis://127.0.0.1:${this.port}/${database}`
  }

  /** Starts it again, after {@link stop} or {@link kill}: same port, same data. */
  async start(): Promise<void> {
    const command = findCommand('redis-server')
    if (!command) throw new Error('There is no Redis on this machine; ask available("redis") first')
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder]
    const server = startChild(command, [...args, '--appendonly', 'yes', '--save', '', ...this.#more], {
      name: 'redis-server',
      cwd: join(this.folder),
    })
    this.#server = server
    await server.line('Ready to accept connections', { timeoutMs: START_MS })
    await this.#ping()
  }

  /** Ends it in order; what it holds stays for the next {@link start}. */
  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    await this.#server?.kill()
  }

  /** Halts it: sockets stay open, nothing answers. */
  pause(): void {
    this.#server?.signalGroup('SIGSTOP')
  }

  resume(): void {
    this.#server?.signalGroup('SIGCONT')
  }

  async remove(): Promise<void> {
    await this.#server?.kill()
    removeFolder(this.folder)
  }

  #ping(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'))
      socket.setTimeout(START_MS, () => socket.destroy(new Error(`redis-server does not answer within ${START_MS} ms`)))
      socket.once('error', reject)
      socket.once('data', (reply) => {
        socket.destroy()
        if (reply.toString().startsWith('+PONG')) resolve()
        else reject(new Error(`redis-server answers PING with ${reply.toString()}`))
      })
    })
  }
}
