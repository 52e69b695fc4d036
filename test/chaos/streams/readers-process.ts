/**
 * The process of all readers of one stream: each reads `GET <location>/events` at the first of its gateways that answers,
 * comes again with `Last-Event-ID` when it is cut off, and counts what is lost or comes twice. `READERS` says how.
 */
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

/** What it is told. */
export interface ReadersTold {
  /** URLs of gateways. */
  readonly gateways: readonly string[]
  /** Where the events are, on each of them. */
  readonly path: string
  readonly readers: number
  /** Bytes a second that the first of them reads until it is told to read freely; 0: as fast as it can. */
  readonly slow: number
}

/** How it stands. */
export interface ReadersSaid {
  readonly atMs: number
  /** Readers that have been told the end. */
  readonly ended: number
  /** The last part that the first reader has got; and of all readers, the one who has got least and most. */
  readonly first: number
  readonly least: number
  readonly most: number
  /** Bytes that the first reader has got, those that wait in his process, and the port of his connection. */
  readonly firstBytes: number
  readonly firstUnread: number
  readonly firstPort: number
  /** Connections that were made again. */
  readonly again: number
  /** What was wrong, the first hundred. */
  readonly wrong: readonly string[]
}

const AGAIN_MS = 250
const SIP_MS = 100
const SAY_MS = 250

const { gateways, path, readers, slow } = JSON.parse(process.env['READERS'] ?? '') as ReadersTold
const wrong: string[] = []
let again = 0
let hasLeft = false
let isFree = slow === 0

class Reader {
  readonly #number: number
  /** The last part, and the state that the end told. */
  last = 0
  bytes = 0
  end: string | undefined
  #lastId: string | undefined
  #text = ''
  #tries: number
  #response: IncomingMessage | undefined

  constructor(number: number) {
    this.#number = number
    this.#tries = number
    this.#open()
  }

  get unread(): number {
    return this.#response?.readableLength ?? 0
  }

  get port(): number {
    return this.#response?.socket.localPort ?? 0
  }

  leave(): void {
    this.#response?.destroy()
  }

  /** Who has read in sips reads as it comes, from now on. */
  free(): void {
    const response = this.#response
    const drain = (): void => {
      for (let chunk; (chunk = response?.read() as Buffer | null | undefined);) this.#take(chunk)
    }
    response?.on('readable', drain)
    drain()
  }

  #open(): void {
    const url = `${gateways[this.#tries % gateways.length]}${path}`
    const headers = this.#lastId === undefined ? {} : { 'last-event-id': this.#lastId }
    const request = get(url, { headers, agent: false }, (response) => this.#read(response))
    request.on('error', () => this.#again())
  }

  #again(): void {
    if (hasLeft || this.end !== undefined) return
    this.#tries++
    again++
    setTimeout(() => this.#open(), AGAIN_MS)
  }

  #read(response: IncomingMessage): void {
    this.#response = response
    this.#text = ''
    response.on('error', () => {})
    response.on('close', () => this.#again())
    // What is no stream is an answer of a gateway that has just come up, or is going.
    if (response.statusCode !== 200) {
      if (response.statusCode !== 503) this.#wrong(`was answered ${response.statusCode}`)
      return void response.resume()
    }
    if (isFree || this.#number > 0) response.on('data', (chunk: Buffer) => this.#take(chunk))
    else this.#sip(response)
  }

  #sip(response: IncomingMessage): void {
    if (isFree || response.destroyed) return
    const most = Math.min(response.readableLength, Math.ceil((slow * SIP_MS) / 1000))
    const chunk = response.read(most) as Buffer | null
    if (chunk) this.#take(chunk)
    setTimeout(() => this.#sip(response), SIP_MS)
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length
    const blocks = (this.#text + chunk.toString('latin1')).split('\n\n')
    this.#text = blocks.pop() as string
    for (const block of blocks) this.#event(block)
  }

  #event(block: string): void {
    const id = /^id: (.*)$/m.exec(block)?.[1]
    if (id !== undefined) this.#lastId = id
    const event = /^event: (.*)$/m.exec(block)?.[1]
    if (event === 'part') {
      const n = Number(/"n":(\d+)/.exec(block)?.[1])
      if (n !== this.last + 1) this.#wrong(`got part ${n} after ${this.last}`)
      this.last = n
    } else if (event === 'end') {
      this.end = /"state":"(\w+)"/.exec(block)?.[1] ?? 'nothing'
      if (this.end !== 'SUCCESS' && !hasLeft) this.#wrong(`was told ${block.slice(-300)}`)
    } else if (event !== undefined) {
      this.#wrong(`was told ${event}: ${block.slice(-100)}`)
    }
  }

  #wrong(what: string): void {
    if (wrong.length < 100) wrong.push(`reader ${this.#number} ${what}`)
  }
}

const all = Array.from({ length: readers }, (_, number) => new Reader(number))

const told = (): void => {
  const lasts = all.map((reader) => reader.last)
  const [first] = all as [Reader]
  const said: ReadersSaid = {
    atMs: Date.now(),
    ended: all.filter((reader) => reader.end !== undefined).length,
    first: first.last,
    least: Math.min(...lasts),
    most: Math.max(...lasts),
    firstBytes: first.bytes,
    firstUnread: first.unread,
    firstPort: first.port,
    again,
    wrong,
  }
  process.stdout.write(`readers ${JSON.stringify(said)}\n`)
}
setInterval(told, SAY_MS)
createInterface({ input: process.stdin }).on('line', (order) => {
  if (order === 'free') {
    isFree = true
    all[0]?.free()
  }
  if (order === 'leave') {
    hasLeft = true
    process.stdout.write(`left ${Date.now()}\n`)
    for (const reader of all) reader.leave()
  }
})
