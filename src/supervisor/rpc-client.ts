import { request, type IncomingMessage } from 'node:http'
import { systemClock, type Clock } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { faultAnswered } from './faults.ts'
import { readResponse, RpcInvalid, writeCall, type RpcValue } from './xml-rpc.ts'

/** Where a supervisor is, ours or supervisord, and who asks. */
export interface RpcClientOptions {
  /** `http://127.0.0.1:9001` or `unix:///run/supervisor.sock`. */
  readonly url: string
  readonly username?: string | null
  readonly password?: string | null
  /**
   * Longest wait for an answer. Default: 30 s, 10 min for what waits until programs have started or ended, and an hour for
   * what drains them first.
   */
  readonly timeoutMs?: number
  /** The same for what waits until programs have started or ended. Default: `timeoutMs`. */
  readonly waitMs?: number
  readonly clock?: Clock
}

const ANSWER_MS = 30_000
const WAITING_MS = 600_000
const WAITS = /\.(start|stop)|^system\.multicall$/
/** These drain programs first, which may have long work in hand. */
const DRAINS = /^lovage\./
const DRAINING_MS = 3_600_000
/** More than any answer of a supervisor with thousands of programs. */
const LARGEST_ANSWER = 256 * 2 ** 20

/** Speaks XML-RPC to one supervisor, each call over a connection of its own. */
export class RpcClient {
  readonly url: string
  readonly #options: RpcClientOptions
  readonly #clock: Clock

  constructor(options: RpcClientOptions) {
    this.url = options.url
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * Calls a method of `supervisor.`, or one with its namespace.
   * @throws LovageError `SUPERVISOR_FAULT`, `SUPERVISOR_UNREACHABLE`, `SUPERVISOR_REFUSED`
   */
  async call<T = RpcValue>(name: string, ...params: readonly RpcValue[]): Promise<T> {
    const method = name.includes('.') ? name : `supervisor.${name}`
    const drains = DRAINS.test(method)
    const waits = drains || WAITS.test(method)
    const given = waits ? (this.#options.waitMs ?? this.#options.timeoutMs) : this.#options.timeoutMs
    const timeoutMs = given ?? (drains ? DRAINING_MS : waits ? WAITING_MS : ANSWER_MS)
    const late = new AbortController()
    const timer = this.#clock.after(timeoutMs, () => late.abort())
    try {
      const response = await this.#ask('POST', '/RPC2', late.signal, writeCall(method, params))
      const answer = readResponse(await this.#textOf(response))
      if ('fault' in answer) throw faultAnswered(answer.fault)
      return answer.value as T
    } catch (error) {
      if (error instanceof RpcInvalid) throw this.#unreachable('PROTOCOL', 'what it answers is no XML-RPC', error)
      if (late.signal.aborted) throw this.#unreachable('TIMEOUT', `no answer within ${timeoutMs} ms`, error)
      throw error
    } finally {
      timer.cancel()
    }
  }

  /**
   * Follows a log under its path, `/logtail/cat/stdout`, until `signal` aborts or the supervisor ends.
   * @throws LovageError as {@link RpcClient.call}
   */
  async *follow(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const response = await this.#ask('GET', path, signal)
    try {
      for await (const chunk of response) yield chunk as Buffer
    } catch (error) {
      if (!signal.aborted) throw this.#unreachable('ECONNRESET', messageOf(error), error)
    } finally {
      response.destroy()
    }
  }

  #ask(method: string, path: string, signal: AbortSignal, body = ''): Promise<IncomingMessage> {
    const { url, username, password } = this.#options
    // supervisord holds a log back that nobody would send another request after.
    const connection = method === 'GET' ? 'keep-alive' : 'close'
    const headers: Record<string, string> = { accept: '*/*', connection }
    if (body !== '')
      Object.assign(headers, { 'content-type': 'text/xml', 'content-length': `${Buffer.byteLength(body)}` })
    if (username !== null && username !== undefined) {
      headers['authorization'] = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
    }
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        const reason = (error as { code?: string }).code ?? 'FAILED'
        reject(this.#unreachable(reason, messageOf(error), error))
      }
      try {
        const where = url.startsWith('unix://') ? { socketPath: url.slice('unix://'.length) } : hostOf(url)
        const asked = request({ ...where, method, path, headers, agent: false, signal }, (response) => {
          if (response.statusCode === 200) return resolve(response)
          response.destroy()
          reject(refused(url, response.statusCode ?? 0))
        })
        asked.once('error', fail)
        asked.end(body)
      } catch (error) {
        fail(error)
      }
    })
  }

  async #textOf(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of response) {
        chunks.push(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size > LARGEST_ANSWER) throw new Error('its answer has no end')
      }
    } catch (error) {
      throw this.#unreachable('ECONNRESET', messageOf(error), error)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  #unreachable(reason: string, problem: string, cause: unknown): LovageError {
    return new LovageError('SUPERVISOR_UNREACHABLE', { url: this.url, reason, problem }, { cause })
  }
}

function hostOf(url: string): { host: string; port: string } {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'http:') throw new Error(`it is no http:// or unix:// address`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? '80' : port }
}

function refused(url: string, status: number): LovageError {
  const fix =
    status === 401
      ? 'Give the right -u and -p, or username= and password= in [supervisorctl]'
      : 'See that a supervisor listens there, and by which names it may be called (allowed_hosts=)'
  return new LovageError('SUPERVISOR_REFUSED', { url, status, fix })
}
