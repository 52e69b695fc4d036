import type { GroupConfig } from './configuration.ts'
import type { EventTaker, SupervisorEvent } from './events.ts'
import type { MainLog } from './main-log.ts'
import type { Subprocess } from './subprocess.ts'

type ListenerState = 'ACKNOWLEDGED' | 'READY' | 'BUSY' | 'UNKNOWN'

interface Listener {
  state: ListenerState
  /** What it has written and nobody has understood so far. */
  said: Buffer
  /** What it works on. */
  event: Held | undefined
  /** Bytes of the result that it has announced. */
  resultBytes: number | undefined
}

interface Held extends SupervisorEvent {
  readonly poolSerial: number
}

const READY = Buffer.from('READY\n')

/** A result, or the line that announces it, is not longer in earnest. */
const MOST_SAID = 1024 * 1024

/** The listeners of one `[eventlistener:x]`: each event is given to one of them that is ready, and again if that one fails. */
export class ListenerPool implements EventTaker {
  readonly config: GroupConfig
  readonly #log: MainLog
  readonly #identifier: string
  readonly #listeners = new Map<Subprocess, Listener>()
  #waiting: Held[] = []
  #serial = 0

  constructor(config: GroupConfig, identifier: string, log: MainLog) {
    this.config = config
    this.#identifier = identifier
    this.#log = log
  }

  accept(event: SupervisorEvent): void {
    this.#hold({ ...event, poolSerial: this.#serial++ }, 'last')
    this.#dispatch()
  }

  /** A change of state of one of its processes. */
  changed(process: Subprocess): void {
    const { state } = process.status
    if (state === 'RUNNING') return this.#dispatch()
    if (process.status.pid > 0) return
    // It is gone, or not there yet: what it worked on is for another.
    const listener = this.#listeners.get(process)
    this.#listeners.delete(process)
    if (listener?.event) this.#hold(listener.event, 'first')
    this.#dispatch()
  }

  /** What one of its processes has written to stdout. */
  heard(process: Subprocess, bytes: Buffer): void {
    const listener = this.#listener(process)
    listener.said = Buffer.concat([listener.said, bytes])
    if (listener.said.length > MOST_SAID) this.#distrust(process, listener, 'more than anybody can mean')
    while (this.#understand(process, listener)) if (listener.said.length === 0) break
    this.#dispatch()
  }

  #listener(process: Subprocess): Listener {
    const known = this.#listeners.get(process)
    if (known) return known
    const listener: Listener = {
      state: 'ACKNOWLEDGED',
      said: Buffer.alloc(0),
      event: undefined,
      resultBytes: undefined,
    }
    this.#listeners.set(process, listener)
    return listener
  }

  /** Takes one word of what it has said; false: there is none yet. */
  #understand(process: Subprocess, listener: Listener): boolean {
    switch (listener.state) {
      case 'UNKNOWN':
        listener.said = Buffer.alloc(0)
        return false
      case 'READY':
        this.#distrust(process, listener, 'spoke without being asked')
        return false
      case 'ACKNOWLEDGED': {
        const { said } = listener
        if (said.length < READY.length) return false
        if (!said.subarray(0, READY.length).equals(READY)) {
          this.#distrust(process, listener, 'did not say READY')
          return false
        }
        listener.said = said.subarray(READY.length)
        this.#become(process, listener, 'READY')
        return listener.said.length > 0
      }
      default:
        return listener.resultBytes === undefined
          ? this.#hearAnnouncement(process, listener)
          : this.#hearResult(process, listener, listener.resultBytes)
    }
  }

  #hearAnnouncement(process: Subprocess, listener: Listener): boolean {
    const at = listener.said.indexOf('\n')
    if (at < 0) return false
    const line = listener.said.toString('utf8', 0, at)
    const digits = /^RESULT\s+(\d+)$/.exec(line.trim())?.[1]
    if (digits === undefined) {
      this.#log.write('warn', `${process.config.name}: bad result line: '${line}'`)
      this.#distrust(process, listener, 'answered without RESULT')
      return false
    }
    listener.said = listener.said.subarray(at + 1)
    listener.resultBytes = Number(digits)
    return listener.said.length >= listener.resultBytes
  }

  #hearResult(process: Subprocess, listener: Listener, length: number): boolean {
    if (listener.said.length < length) return false
    const result = listener.said.toString('utf8', 0, length)
    const { event } = listener
    listener.said = listener.said.subarray(length)
    listener.resultBytes = undefined
    listener.event = undefined
    this.#become(process, listener, 'ACKNOWLEDGED')
    if (result === 'OK') this.#log.write('debug', `${process.config.name}: event was processed`)
    else {
      this.#log.write('warn', `${process.config.name}: event was rejected`)
      if (event) this.#hold(event, 'first')
    }
    return listener.said.length > 0
  }

  #distrust(process: Subprocess, listener: Listener, why: string): void {
    const { event } = listener
    listener.event = undefined
    listener.said = Buffer.alloc(0)
    this.#become(process, listener, 'UNKNOWN')
    const text = `${process.config.name}: has entered the UNKNOWN state and will no longer receive events, this usually indicates the process violated the eventlistener protocol`
    this.#log.write('warn', `${text} (it ${why})`)
    if (event) this.#hold(event, 'first')
  }

  #become(process: Subprocess, listener: Listener, state: ListenerState): void {
    this.#log.write('debug', `${process.config.name}: ${listener.state} -> ${state}`)
    listener.state = state
  }

  #hold(event: Held, where: 'first' | 'last'): void {
    if (this.#waiting.length >= (this.config.bufferSize ?? 10)) {
      const dropped = this.#waiting.shift()
      const text = `pool ${this.config.name} event buffer overflowed, discarding event ${dropped?.serial}`
      this.#log.write('error', text)
    }
    if (where === 'first') this.#waiting.unshift(event)
    else this.#waiting.push(event)
  }

  #dispatch(): void {
    for (const [process, listener] of this.#listeners) {
      if (this.#waiting.length === 0) return
      if (listener.state !== 'READY' || process.status.state !== 'RUNNING') continue
      const event = this.#waiting.shift() as Held
      listener.event = event
      this.#become(process, listener, 'BUSY')
      this.#log.write('debug', `event ${event.serial} sent to listener ${process.config.name}`)
      void process.send(this.#envelope(event)).then((isSent) => {
        // It has closed its stdin: no event will ever come to it.
        if (!isSent && listener.event === event) this.#distrust(process, listener, 'has closed its stdin')
        if (!isSent) this.#dispatch()
      })
    }
  }

  #envelope({ name, payload, serial, poolSerial }: Held): Buffer {
    const { name: pool } = this.config
    const head = `ver:3.0 server:${this.#identifier} serial:${serial} pool:${pool} poolserial:${poolSerial} eventname:${name} len:${payload.length}\n`
    return Buffer.concat([Buffer.from(head), payload])
  }
}
