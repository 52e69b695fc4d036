// The RabbitMQ of a run of the benchmarks, with a virtual host for each case.
import { join } from 'node:path'
import amqp from 'amqplib'
import { loadTypeScript } from '../scripts/load-ts.mjs'
import { hasService } from '../scripts/services.mjs'
import { ROOT } from '../scripts/steps.mjs'

/** Started at first use, and again when a case has brought it down. */
export class BenchRabbitmq {
  #names
  /** @type {import('../test/services/rabbitmq-node.ts').RabbitmqNode | undefined} */
  #node

  /** @param {readonly string[]} names Cases that ask for it. */
  constructor(names) {
    this.#names = names
  }

  /**
   * Where a case finds it; undefined for one that does not ask, and where there is none on this machine.
   * @param {string} name
   * @returns {Promise<string | undefined>}
   */
  async urlFor(name) {
    if (!this.#names.includes(name) || !hasService('rabbitmq')) return undefined
    if (this.#node && !(await answers(this.#node.url(name)))) {
      console.error('RabbitMQ does not answer: another is started')
      await this.remove()
    }
    this.#node ??= await this.#start()
    return this.#node.url(name)
  }

  /**
   * Drops all that a case left there.
   * @param {string} name
   */
  async clean(name) {
    if (!this.#node || !this.#names.includes(name)) return
    try {
      await this.#node.ctl('delete_vhost', name)
      await this.#node.addVhost(name)
    } catch (error) {
      console.error(error)
      await this.remove()
    }
  }

  async remove() {
    await this.#node?.remove()
    this.#node = undefined
  }

  async #start() {
    /** @type {typeof import('../test/services/rabbitmq-node.ts')} */
    const { RabbitmqNode } = await loadTypeScript(join(ROOT, 'test', 'services', 'rabbitmq-node.ts'))
    return RabbitmqNode.start({ vhosts: this.#names })
  }
}

/** @param {string} url */
async function answers(url) {
  try {
    const connection = await amqp.connect(url, { timeout: 20_000 })
    await connection.close()
    return true
  } catch {
    return false
  }
}
