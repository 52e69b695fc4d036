import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Service } from '../../src/base/service.ts'
import { until } from '../../src/testing/broker/scene.ts'
import { RedisNode } from './redis-node.ts'
import { TcpProxy } from './tcp-proxy.ts'

/** The Redis of a file of tests: starts before them and is gone after them. */
export class RedisScene {
  #node: RedisNode | undefined
  #proxy: TcpProxy | undefined
  #raw: Redis | undefined
  readonly #open: Service[] = []

  /** To be called where tests are described. */
  constructor({ isEmptied = false, args = async () => [] }: RedisSceneOptions = {}) {
    beforeAll(async () => {
      this.#node = await RedisNode.start(await args())
      this.#proxy = await TcpProxy.start({ port: this.#node.port })
    })
    afterAll(async () => {
      this.#raw?.disconnect()
      await this.#proxy?.stop()
      await this.#node?.remove()
    })
    beforeEach(async () => {
      this.proxy.mode = 'open'
      if (isEmptied) await this.raw.flushall()
    })
    afterEach(() => this.stopAll())
  }

  get node(): RedisNode {
    if (!this.#node) throw new Error('there is no Redis before the first test')
    return this.#node
  }

  /** In front of it. */
  get proxy(): TcpProxy {
    if (!this.#proxy) throw new Error('there is no proxy before the first test')
    return this.#proxy
  }

  /** A client of its own, without anything of ours. */
  get raw(): Redis {
    return (this.#raw ??= new Redis({ port: this.port }))
  }

  get port(): number {
    return this.node.port
  }

  url(database = 0): string {
    return this.node.url(database)
  }

  /** Through the proxy. */
  proxyUrl(): string {
    return this.proxy.urlFor(this.url())
  }

  /** It is stopped after the test. */
  keep<S extends Service>(one: S): S {
    this.#open.push(one)
    return one
  }

  /** Starts it, and stops it after the test. */
  async started<S extends Service>(one: S): Promise<S> {
    await this.keep(one).start()
    return one
  }

  /** Stops what is kept. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((one) => one.stop()))
  }

  /** One command over a connection of its own: others may be killed by it, or wait behind it. */
  async command(name: string, ...args: (string | number)[]): Promise<unknown> {
    const client = new Redis({ port: this.port })
    try {
      return await client.call(name, args)
    } finally {
      client.disconnect()
    }
  }

  async killAndStart(): Promise<void> {
    await this.node.kill()
    await this.node.start()
  }

  async killClients(): Promise<void> {
    await this.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await this.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }

  /** The wire carries nothing any more and tells nobody, until somebody has noticed. */
  async blackHole(): Promise<void> {
    const before = this.proxy.connected
    this.proxy.mode = 'black-hole'
    // Who gives a socket up tries another, which is how it is known that it was noticed.
    await until('they try again', () => this.proxy.connected > before)
    this.proxy.cut()
    this.proxy.mode = 'open'
  }
}

/** How a {@link RedisScene} is made. */
export interface RedisSceneOptions {
  /** Each test begins with an empty server. Default false. */
  readonly isEmptied?: boolean
  /** Further arguments of the server. */
  readonly args?: () => Promise<string[]>
}

/** How many scripts the server has run. */
export async function scriptsRun({ raw }: RedisScene): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1])
}
