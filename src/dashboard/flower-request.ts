import type { FastifyReply, FastifyRequest } from 'fastify'

/** What Flower answers where it does not do what was asked: a status, and a sentence as plain text. */
export class FlowerRefusal extends Error {
  readonly status: number

  constructor(status: number, text = '') {
    super(text)
    this.name = 'FlowerRefusal'
    this.status = status
  }
}

const TRUE = new Set(['y', 'yes', 't', 'true', 'on', '1'])
const FALSE = new Set(['n', 'no', 'f', 'false', 'off', '0', ''])

/** Arguments of a request as Flower reads them: of the query, and of a form in the body; the last of a name counts. */
export class FlowerArguments {
  readonly #values: ReadonlyMap<string, string>

  constructor({ query, body, headers }: FastifyRequest) {
    const values = new Map<string, string>()
    for (const [name, value] of Object.entries(query as object)) {
      const last: unknown = Array.isArray(value) ? value.at(-1) : value
      if (typeof last === 'string') values.set(name, last.trim())
    }
    const isForm = /^application\/x-www-form-urlencoded/i.test(headers['content-type'] ?? '')
    if (isForm && Buffer.isBuffer(body)) {
      for (const [name, value] of new URLSearchParams(body.toString())) values.set(name, value.trim())
    }
    this.#values = values
  }

  text(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** @throws FlowerRefusal */
  needed(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined) throw new FlowerRefusal(400, `Missing argument ${name}`)
    return value
  }

  /** @throws FlowerRefusal */
  flag(name: string): boolean {
    const value = this.#values.get(name)?.toLowerCase() ?? ''
    if (TRUE.has(value)) return true
    if (FALSE.has(value)) return false
    throw unfit(value, 'bool')
  }

  /** @throws FlowerRefusal */
  whole(name: string): number | undefined {
    return this.#number(name, /^[+-]?\d{1,15}$/, 'int')
  }

  /** @throws FlowerRefusal */
  number(name: string): number | undefined {
    return this.#number(name, /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, 'float')
  }

  #number(name: string, form: RegExp, type: string): number | undefined {
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    if (!form.test(value)) throw unfit(value, type)
    return Number(value)
  }
}

function unfit(value: string, type: string): FlowerRefusal {
  return new FlowerRefusal(400, `Invalid argument '${value}' of type '${type}'`)
}

/** An answer of Flower's: an object as JSON. */
export function flowerJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.type('application/json; charset=UTF-8').send(JSON.stringify(value))
}

/** Flower sends these as HTML; they have names in them that anybody may have chosen, and are text here. */
export function flowerText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=UTF-8').send(text)
}
