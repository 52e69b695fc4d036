/** Where late answers go: WeChat's customer-service API, which takes them for 48 hours after a message. */
export interface CustomerServiceOptions {
  readonly appId: string
  readonly secret: string
  /** Default `https://api.weixin.qq.com`. */
  readonly url: string | undefined
}

/** A token is fetched anew so long before it ends. */
const EARLY_MS = 300_000
const TIMEOUT_MS = 10_000
/** WeChat's codes for a token that is wrong, missing or over. */
const TOKEN_OVER: readonly unknown[] = [40_001, 40_014, 42_001]

interface Told {
  readonly errcode?: number
  readonly errmsg?: string
  readonly access_token?: string
  readonly expires_in?: number
}

/** Sends texts through the customer-service API; fetches the access token when it is needed, and keeps it. */
export class CustomerService {
  readonly #url: string
  readonly #credentials: string
  #token: { readonly value: string; readonly untilMs: number } | undefined

  constructor({ appId, secret, url = 'https://api.weixin.qq.com' }: CustomerServiceOptions) {
    this.#url = url
    this.#credentials = new URLSearchParams({ grant_type: 'client_credential', appid: appId, secret }).toString()
  }

  /** @throws Error with WeChat's code; who calls it from a task has it retried */
  async send(to: string, content: string): Promise<void> {
    const body = JSON.stringify({ touser: to, msgtype: 'text', text: { content } })
    let told = await this.#post(body)
    if (TOKEN_OVER.includes(told.errcode)) {
      this.#token = undefined
      told = await this.#post(body)
    }
    if (told.errcode) throw new Error(`WeChat refused the answer: ${told.errcode} ${told.errmsg ?? ''}`)
  }

  async #post(body: string): Promise<Told> {
    const place = `${this.#url}/cgi-bin/message/custom/send?access_token=${encodeURIComponent(await this.#accessToken())}`
    return ask(place, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  }

  async #accessToken(): Promise<string> {
    if (this.#token && this.#token.untilMs > Date.now()) return this.#token.value
    const told = await ask(`${this.#url}/cgi-bin/token?${this.#credentials}`)
    const { access_token: value, expires_in: seconds = 0 } = told
    if (!value) throw new Error(`WeChat gave no token: ${told.errcode ?? ''} ${told.errmsg ?? ''}`)
    this.#token = { value, untilMs: Date.now() + seconds * 1_000 - EARLY_MS }
    return value
  }
}

async function ask(url: string, init: RequestInit = {}): Promise<Told> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`WeChat answered ${response.status}`)
  return (await response.json()) as Told
}
