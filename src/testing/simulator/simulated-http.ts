import type { AddressInfo } from 'node:net'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { LovageError } from '../../base/errors.ts'
import { Exchange } from '../../gateway/exchange.ts'
import { errorReply, type Reply } from '../../gateway/reply.ts'
import type { HttpParts, HttpSide, OpenHttp, ServedRoute } from '../../gateway/server.ts'
import type { SimulatedProcess } from './process.ts'

/** A request, as the gateway sees it. */
interface Asked {
  readonly exchange: Exchange
  readonly response: { writableEnded: boolean; statusCode: number }
  readonly answer: ServedRoute['answer']
}

/**
 * The HTTP side of gateways that run in a simulated process: no sockets and no bytes, so that it costs little, and time on
 * the way there and back. Clients whose gateway dies, or cuts them at the end of its grace period, see their connection reset.
 */
export function simulatedHttp(process: SimulatedProcess): OpenHttp {
  return (parts) => new SimulatedHttp(process, parts)
}

class SimulatedHttp implements HttpSide {
  readonly #process: SimulatedProcess
  readonly #parts: HttpParts
  /** Have not been answered. */
  readonly #open = new Set<Exchange>()
  /** How clients that wait hear that their connection is gone. */
  readonly #clients = new Set<(error: Error) => void>()
  #isDraining = false
  #onIdle: (() => void) | undefined

  constructor(process: SimulatedProcess, parts: HttpParts) {
    this.#process = process
    this.#parts = parts
    process.onDeath(() => this.#reset())
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#process.pause()
    return { address: host, family: 'IPv4', port: port || 8000 }
  }

  async inject(given: InjectOptions | string): Promise<LightMyRequestResponse> {
    const request: InjectOptions = typeof given === 'string' ? { url: given } : given
    let fail: (error: Error) => void = () => {}
    const asking = new Promise<Reply>((resolve, reject) => {
      if (!this.#process.isAlive) return reject(reset())
      this.#clients.add((fail = reject))
      this.#ask(request, resolve, reject)
    })
    const { status, headers, body } = await asking.finally(() => this.#clients.delete(fail))
    // Streams are not simulated.
    const payload = body instanceof Uint8Array ? Buffer.from(body).toString() : String(body)
    const answer = { statusCode: status, headers, payload, body: payload, json: () => JSON.parse(payload) as unknown }
    return answer as unknown as LightMyRequestResponse
  }

  async close(): Promise<void> {
    this.#isDraining = true
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      const grace = this.#process.clock.after(this.#parts.options.gracePeriodMs, () => {
        this.#reset()
        resolve()
      })
      this.#onIdle = () => {
        grace.cancel()
        resolve()
      }
    })
  }

  #ask(request: InjectOptions, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    const process = this.#process
    const { exchange, response, answer } = this.#read(request)
    const signal = request.signal as unknown as AbortSignal | undefined
    this.#open.add(exchange)
    const end = (): void => {
      if (!this.#open.delete(exchange)) return
      exchange.close()
      if (this.#open.size === 0) this.#onIdle?.()
    }
    const hangUp = (): void => {
      reject(reset())
      // The gateway hears of it later, if it has not answered by then.
      process.at(process.arrivalMs(), end)
    }
    signal?.addEventListener('abort', hangUp, { once: true })
    const send = (reply: Reply): void => {
      signal?.removeEventListener('abort', hangUp)
      response.statusCode = reply.status
      response.writableEnded = true
      end()
      process.at(process.arrivalMs(), () => resolve(reply))
    }
    process.at(process.arrivalMs(), () => {
      if (!this.#open.has(exchange)) return
      if (this.#isDraining) return send(errorReply(new LovageError('GATEWAY_STOPPING')))
      void Promise.resolve(answer(exchange)).then(send, reject)
    })
  }

  /** Where a request belongs, and what its route is to see of it. */
  #read({ method = 'GET', url: given = '/', payload, body = payload, headers = {} }: InjectOptions): Asked {
    const url = String(given)
    const { pathname, searchParams } = new URL(url, 'http://simulated')
    const found = this.#find(method, pathname)
    const response = { writableEnded: false, statusCode: 200 }
    const text = body === undefined ? undefined : JSON.stringify(body)
    const request = {
      method,
      params: found?.params ?? {},
      query: Object.fromEntries(searchParams),
      body: text === undefined ? undefined : (JSON.parse(text) as unknown),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])),
      raw: { url, method },
    }
    const exchange = new Exchange(request as never, response, this.#parts.clock)
    if (text !== undefined) exchange.raw = Buffer.from(text)
    const unknown = (): Reply => errorReply(new LovageError('ROUTE_UNKNOWN', { method, path: pathname }))
    return { exchange, response, answer: found?.route.answer ?? unknown }
  }

  #find(method: string, pathname: string): { route: ServedRoute; params: Record<string, string> } | undefined {
    const asked = pathname.split('/')
    for (const route of this.#parts.routes) {
      const segments = route.path.split('/')
      if (!route.methods.includes(method) || segments.length !== asked.length) continue
      const params: Record<string, string> = {}
      const isIt = segments.every((segment, at) => {
        const value = decodeURIComponent(asked[at] as string)
        if (segment.startsWith(':')) params[segment.slice(1)] = value
        return segment.startsWith(':') ? value !== '' : segment === value
      })
      if (isIt) return { route, params }
    }
    return undefined
  }

  #reset(): void {
    for (const fail of this.#clients) fail(reset())
    for (const exchange of this.#open) {
      this.#open.delete(exchange)
      if (this.#process.isAlive) exchange.close()
    }
  }
}

function reset(): Error {
  return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' })
}
