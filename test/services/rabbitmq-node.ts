import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import amqp from 'amqplib'
import { findCommand, findRabbitmq } from '../../scripts/services.mjs'
import { runChild, startChild, type Child } from './child.ts'
import { freePorts } from './ports.ts'
import { removeFolder, temporaryFolder } from './reaper.ts'

export interface RabbitmqOptions {
  /** Virtual hosts that are there from the start, beside `/`. */
  vhosts?: readonly string[]
  /** Further lines of rabbitmq.conf, e.g. `'consumer_timeout = 60000'`. */
  config?: readonly string[]
  /** The Erlang terms of advanced.config: `[{rabbit, [{channel_tick_interval, 500}]}].` Its values are not checked. */
  advanced?: string
  /** E.g. `['rabbitmq_management']`. */
  plugins?: readonly string[]
  /** A node that it makes a cluster with; what it had itself is forgotten then. That one is to be removed last. */
  joins?: RabbitmqNode
}

/** Longest wait for a node to take connections. On an idle machine it is up after 6 s. */
const START_MS = 90_000

/** A RabbitMQ of its own: own ports, own epmd, own data, nothing left behind. User and password are `guest`. */
export class RabbitmqNode {
  readonly port: number
  readonly folder: string
  #bin: string
  #env: Record<string, string>
  /** Its own; one that joins another is known to that one's. */
  #epmd: Child | undefined
  #epmdPort: number
  #server: Child | undefined

  private constructor(bin: string, folder: string, ports: readonly number[], options: RabbitmqOptions) {
    const [port, distPort, ownEpmdPort] = ports as [number, number, number]
    const epmdPort = options.joins ? options.joins.#epmdPort : ownEpmdPort
    this.port = port
    this.folder = folder
    this.#bin = bin
    this.#epmdPort = epmdPort
    this.#env = {
      HOME: folder,
      RABBITMQ_NODENAME: `lovage${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distPort),
      ERL_EPMD_PORT: String(epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
      // No busy waiting: the node shares few cores with the tests.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
    }
    mkdirSync(join(folder, 'log'))
    writeFileSync(join(folder, 'enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`)
    writeFileSync(join(folder, 'definitions.json'), JSON.stringify(definitions(['/', ...(options.vhosts ?? [])])))
    writeFileSync(join(folder, 'advanced.config'), `${options.advanced ?? '[].'}\n`)
    const config = [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'loopback_users = none',
      'vm_memory_high_watermark.absolute = 1GB',
      'disk_free_limit.absolute = 50MB',
      'log.file.level = warning',
      `load_definitions = ${join(folder, 'definitions.json')}`,
      ...(options.config ?? []),
    ]
    writeFileSync(join(folder, 'rabbitmq.conf'), `${config.join('\n')}\n`)
  }

  /** Starts one and resolves when it takes connections. */
  static async start(options: RabbitmqOptions = {}): Promise<RabbitmqNode> {
    const bin = findRabbitmq()
    const epmdPath = findCommand('epmd')
    if (!bin || !epmdPath) throw new Error('There is no RabbitMQ on this machine; ask available("rabbitmq") first')
    const folder = temporaryFolder('rabbitmq')
    const ports = await freePorts(3)
    const node = new RabbitmqNode(bin, folder, ports, options)
    const { joins } = options
    if (joins) {
      // Nodes know each other by it.
      copyFileSync(join(joins.folder, '.erlang.cookie'), join(folder, '.erlang.cookie'))
    } else {
      // Started here, not by Erlang, which would leave it behind as a daemon.
      const args = ['-port', String(node.#epmdPort), '-address', '127.0.0.1']
      node.#epmd = startChild(epmdPath, args, { name: 'epmd', cwd: folder })
    }
    try {
      await node.start()
      if (joins) await node.#join(joins)
    } catch (error) {
      await node.remove()
      throw error
    }
    return node
  }

  /** The URL of a virtual host. */
  url(vhost = '/'): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/${encodeURIComponent(vhost)}`
  }

  /** Starts it again, after {@link stop} or {@link kill}: same port, same data. */
  async start(): Promise<void> {
    const server = startChild(join(this.#bin, 'rabbitmq-server'), [], {
      cwd: this.folder,
      env: this.#env,
      name: 'rabbitmq-server',
    })
    this.#server = server
    await this.#ready(server)
  }

  /** Ends it in order; what is durable stays for the next {@link start}. */
  async stop(): Promise<void> {
    await this.#server?.stop({ graceMs: 20_000 })
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    await this.#server?.kill()
  }

  /** Halts it in the middle of what it does: sockets stay open, nothing answers. */
  pause(): void {
    this.#server?.signalGroup('SIGSTOP')
  }

  resume(): void {
    this.#server?.signalGroup('SIGCONT')
  }

  /** Raises or lifts the memory alarm, which blocks every connection that publishes. */
  async memoryAlarm(on: boolean): Promise<void> {
    await this.ctl('set_vm_memory_high_watermark', ...(on ? ['0'] : ['absolute', '1GB']))
  }

  /** Makes a virtual host that was not asked for at the start. */
  async addVhost(name: string): Promise<void> {
    await this.ctl('add_vhost', name)
    await this.ctl('set_permissions', '-p', name, 'guest', '.*', '.*', '.*')
  }

  /** Runs `rabbitmqctl`; resolves to its lines. Slow: each call starts an Erlang of its own. */
  ctl(...args: string[]): Promise<string[]> {
    return runChild(join(this.#bin, 'rabbitmqctl'), ['--quiet', ...args], {
      cwd: this.folder,
      env: this.#env,
      name: `rabbitmqctl ${args.join(' ')}`,
    })
  }

  /** The last lines of its log. */
  log(): string {
    return readFileSync(join(this.folder, 'log', `lovage${this.port}@localhost.log`), 'utf8').slice(-4_000)
  }

  /** Ends it at once and removes all that it left. */
  async remove(): Promise<void> {
    await this.#server?.kill()
    await this.#epmd?.kill()
    removeFolder(this.folder)
  }

  async #join(other: RabbitmqNode): Promise<void> {
    await this.ctl('stop_app')
    await this.ctl('join_cluster', other.#env['RABBITMQ_NODENAME'] as string)
    await this.ctl('start_app')
  }

  async #ready(server: Child): Promise<void> {
    const giveUpAt = performance.now() + START_MS
    for (;;) {
      try {
        const connection = await amqp.connect(this.url(), { timeout: 5_000 })
        await connection.close()
        return
      } catch (error) {
        if (server.exit) throw new Error(`rabbitmq-server ended at its start:\n${server.tail()}`, { cause: error })
        if (performance.now() > giveUpAt) {
          throw new Error(`rabbitmq-server is not up after ${START_MS} ms:\n${server.tail()}`, { cause: error })
        }
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
}

function definitions(vhosts: readonly string[]): object {
  const salt = randomBytes(4)
  const hash = createHash('sha256')
    .update(Buffer.concat([salt, Buffer.from('guest')]))
    .digest()
  return {
    users: [
      {
        name: 'guest',
        password_hash: Buffer.concat([salt, hash]).toString('base64'),
        hashing_algorithm: 'rabbit_password_hashing_sha256',
        tags: ['administrator'],
      },
    ],
    vhosts: vhosts.map((name) => ({ name })),
    permissions: vhosts.map((vhost) => ({ user: 'guest', vhost, configure: '.*', write: '.*', read: '.*' })),
  }
}
