import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decrypt, encrypt } from './crypt.ts'
import { readEnvelope, writeEnvelope } from './envelope.ts'
import type { Account } from './messages.ts'
import { signatureOf } from './signature.ts'

/** WeChat hangs up after so long, and tries again at once. */
const ATTEMPT_MS = 5_000
const ATTEMPTS = 3

/** What came of one message. */
export interface Delivery {
  /** One for each attempt: the milliseconds it took, and its status; undefined when WeChat hung up, or was hung up on. */
  readonly attempts: readonly { readonly ms: number; readonly status: number | undefined }[]
  /** What the user read as the answer to the message; undefined: nothing, or a plain `success`. */
  readonly answer: string | undefined
}

/** WeChat's side of it: pushes messages as it does, and takes late answers. For tests, and to try the example. */
export class Sender {
  /** Late answers by user, as they came. */
  readonly late = new Map<string, string[]>()
  readonly #account: Account
  readonly #secret: string
  readonly #server: Server
  readonly #waiting = new Map<string, () => void>()
  #serial = Date.now()

  constructor(account: Account, secret: string) {
    this.#account = account
    this.#secret = secret
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  /** Listens for late answers; resolves to the URL of its API. Port 0 is any that is free. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve)
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }

  /** What WeChat asks when the URL is entered on its page: it must be given back what it sent. */
  async handshake(url: string): Promise<boolean> {
    const echo = String((this.#serial += 1))
    const response = await fetch(`${url}?${this.#signed({ echostr: echo })}`)
    return response.status === 200 && (await response.text()) === echo
  }

  /** Pushes a text to the account, as often as WeChat does. */
  async push(url: string, from: string, content: string, encrypted = false): Promise<Delivery> {
    const id = (this.#serial += 1)
    const fields = { ToUserName: 'account', FromUserName: from, CreateTime: now(), MsgType: 'text', Content: content }
    const plain = writeEnvelope({ ...fields, MsgId: id })
    const attempts: Delivery['attempts'][number][] = []
    while (attempts.length < ATTEMPTS) {
      const from = performance.now()
      const got = await this.#attempt(url, plain, encrypted)
      attempts.push({ ms: performance.now() - from, status: got?.status })
      if (got?.status === 200) return { attempts, answer: this.#read(got.text, encrypted) }
    }
    return { attempts, answer: undefined }
  }

  /** Resolves with what a user got late, once there is some. */
  async lateAnswer(user: string): Promise<string> {
    const [first] = this.late.get(user) ?? []
    if (first !== undefined) return first
    await new Promise<void>((resolve) => this.#waiting.set(user, resolve))
    return (this.late.get(user) as string[])[0] as string
  }

  async #attempt(
    url: string,
    plain: string,
    encrypted: boolean,
  ): Promise<{ status: number; text: string } | undefined> {
    const sealed = encrypted ? encrypt(this.#key(), plain) : undefined
    const body = sealed === undefined ? plain : writeEnvelope({ ToUserName: 'account', Encrypt: sealed })
    try {
      const response = await fetch(`${url}?${this.#signed({}, sealed)}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'text/xml' },
        signal: AbortSignal.timeout(ATTEMPT_MS),
      })
      return { status: response.status, text: await response.text() }
    } catch {
      return undefined
    }
  }

  /** The query of a request: signed anew at each attempt, as WeChat does. */
  #signed(more: Readonly<Record<string, string>>, sealed?: string): URLSearchParams {
    const { token } = this.#account
    const timestamp = String(now())
    const nonce = String((this.#serial += 1))
    const query = new URLSearchParams({ signature: signatureOf(token, timestamp, nonce), timestamp, nonce, ...more })
    if (sealed !== undefined) {
      query.set('encrypt_type', 'aes')
      query.set('msg_signature', signatureOf(token, timestamp, nonce, sealed))
    }
    return query
  }

  #read(text: string, encrypted: boolean): string | undefined {
    if (text === '' || text === 'success') return undefined
    const { Encrypt, MsgSignature, TimeStamp = '', Nonce = '', ...plain } = readEnvelope(text)
    if (!encrypted) return plain['Content']
    if (!Encrypt || MsgSignature !== signatureOf(this.#account.token, TimeStamp, Nonce, Encrypt)) {
      throw new Error('the answer is not signed')
    }
    return readEnvelope(decrypt(this.#key(), Encrypt))['Content']
  }

  #key(): { appId: string; encodingAesKey: string } {
    const { appId, encodingAesKey } = this.#account
    if (!encodingAesKey) throw new Error('the account has no encodingAesKey')
    return { appId, encodingAesKey }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const told = (value: object): void => void response.end(JSON.stringify(value))
    if (url.pathname === '/cgi-bin/token') {
      const isRight = url.searchParams.get('secret') === this.#secret
      return told(
        isRight ? { access_token: 'token', expires_in: 7_200 } : { errcode: 40_125, errmsg: 'invalid appsecret' },
      )
    }
    if (url.searchParams.get('access_token') !== 'token') return told({ errcode: 40_001, errmsg: 'invalid credential' })
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { touser, text } = JSON.parse(body) as { touser: string; text: { content: string } }
    this.late.set(touser, [...(this.late.get(touser) ?? []), text.content])
    this.#waiting.get(touser)?.()
    this.#waiting.delete(touser)
    told({ errcode: 0, errmsg: 'ok' })
  }
}

function now(): number {
  return Math.floor(Date.now() / 1_000)
}
