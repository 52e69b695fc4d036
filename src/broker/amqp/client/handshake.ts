import type { Headers } from '../../../protocol/headers.ts'
import { FRAME_MIN_BYTES } from '../wire/frames.ts'
import type { Method } from '../wire/method-codec.ts'
import type { Args, MethodName } from '../wire/methods.ts'
import { closeError } from './channel.ts'
import { invalid } from '../wire/reader.ts'
import type { AmqpUrl } from '../amqp-url.ts'
import { LinkError } from '../link.ts'

/** What both sides agreed on. */
export interface Tuned {
  readonly channelMax: number
  readonly frameMax: number
  /** 0 is none. */
  readonly heartbeatS: number
}

export interface Wishes extends Tuned {
  /** Shown by the broker beside the connection. */
  readonly name: string
  /** EXTERNAL: the TLS certificate says who we are. */
  readonly mechanism: 'PLAIN' | 'EXTERNAL'
}

/** What we tell about ourselves. The capabilities are RabbitMQ's; all of them are lived up to. */
function clientProperties(name: string): Headers {
  return {
    product: 'lovage',
    platform: `Node.js ${process.version}`,
    connection_name: name,
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      authentication_failure_close: true,
    },
  }
}

/** The opening of a connection (spec 2.2.4): start, tune, open, each answered as it comes. */
export class Handshake {
  readonly #url: AmqpUrl
  readonly #wishes: Wishes
  readonly #send: <M extends MethodName>(name: M, args: Partial<Args<M>>) => void
  #stage: 'start' | 'tune' | 'open' | 'done' = 'start'
  #tuned: Tuned | undefined
  /** What the broker says of itself. */
  serverProperties: Headers = {}

  constructor(url: AmqpUrl, wishes: Wishes, send: <M extends MethodName>(name: M, args: Partial<Args<M>>) => void) {
    this.#url = url
    this.#wishes = wishes
    this.#send = send
  }

  /** The broker has not said yet that it takes our password: if it goes now, that is why. */
  get isAuthenticating(): boolean {
    return this.#stage === 'tune'
  }

  /**
   * Takes the next method; returns what was agreed on when the connection is open.
   * @throws LinkError when the broker refuses us.
   * @throws LovageError `WIRE_INVALID`
   */
  on(method: Method): Tuned | undefined {
    if (method.name === 'connection.close') throw closeError('connection', method.args)
    if (this.#stage === 'start' && method.name === 'connection.start') this.#start(method.args)
    else if (this.#stage === 'tune' && method.name === 'connection.tune') return void this.#tune(method.args)
    else if (this.#stage === 'tune' && method.name === 'connection.secure')
      throw refused('it asks for more than a password')
    else if (this.#stage === 'open' && method.name === 'connection.open-ok') {
      this.#stage = 'done'
      return this.#tuned
    } else throw invalid(`${method.name} during the opening`, 503)
    return undefined
  }

  #start({ mechanisms, serverProperties }: Args<'connection.start'>): void {
    const { mechanism, name } = this.#wishes
    const offered = Buffer.from(mechanisms).toString().split(' ')
    if (!offered.includes(mechanism)) throw refused(`it does not offer ${mechanism}, only ${offered.join(', ')}`)
    this.serverProperties = serverProperties
    const { user, password } = this.#url
    const response = Buffer.from(mechanism === 'PLAIN' ? `\0${user}\0${password}` : '')
    this.#send('connection.start-ok', {
      clientProperties: clientProperties(name),
      mechanism,
      response,
      locale: 'en_US',
    })
    this.#stage = 'tune'
  }

  #tune(offer: Args<'connection.tune'>): void {
    const { channelMax, frameMax, heartbeatS } = this.#wishes
    const tuned = {
      channelMax: least(channelMax, offer.channelMax),
      frameMax: Math.max(FRAME_MIN_BYTES, least(frameMax, offer.frameMax)),
      heartbeatS: heartbeatS === 0 ? 0 : least(heartbeatS, offer.heartbeat),
    }
    this.#tuned = tuned
    this.#send('connection.tune-ok', {
      channelMax: tuned.channelMax,
      frameMax: tuned.frameMax,
      heartbeat: tuned.heartbeatS,
    })
    this.#send('connection.open', { virtualHost: this.#url.vhost })
    this.#stage = 'open'
  }
}

/** The smaller of the two, where 0 is no limit. */
function least(ours: number, theirs: number): number {
  return theirs === 0 ? ours : Math.min(ours, theirs)
}

/** As if the broker had said it: access refused. */
export function refused(problem: string): LinkError {
  return new LinkError('connection', problem, 403)
}
