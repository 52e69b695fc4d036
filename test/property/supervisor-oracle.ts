import type { ProcessRules } from '../../src/supervisor/configuration.ts'

/** What happens to a process, or around it. */
export type Happening =
  | { type: 'pass'; ms: number }
  | { type: 'start' }
  | { type: 'stop' }
  | { type: 'exit'; code: number | null }
  | { type: 'works'; works: boolean }
  | { type: 'giveUp' }

/**
 * supervisord's documentation as a program: looks at the process once a millisecond, and has one paragraph for each arrow
 * of its diagram. Knows nothing of how ours is made.
 */
export class Oracle {
  readonly seen: string[] = []
  alive = false
  exitStatus: number | undefined
  #state = 'STOPPED'
  #works = true
  /** Milliseconds since the last start, and since the state was entered or, in STOPPING, since the last signal. */
  #sinceStart = Infinity
  #since = 0
  #tries = 0
  readonly #rules: ProcessRules

  constructor(rules: ProcessRules) {
    this.#rules = rules
  }

  take(happened: Happening): void {
    switch (happened.type) {
      case 'pass':
        for (let ms = 0; ms < happened.ms; ms++) this.#millisecond()
        break
      case 'works':
        this.#works = happened.works
        break
      case 'start':
        if (!['STOPPED', 'EXITED', 'FATAL', 'BACKOFF'].includes(this.#state)) break
        this.#tries = 0
        this.#start()
        break
      case 'stop':
        this.#stop()
        break
      case 'exit':
        if (this.alive) this.#exit(happened.code)
        break
      case 'giveUp':
        if (this.#state === 'BACKOFF') this.#enter('FATAL')
        this.#restarts = false
    }
  }

  #restarts = false

  #enter(state: string, more = ''): void {
    this.#state = state
    this.#since = 0
    this.#restarts = false
    this.seen.push(`${state}${more}`)
  }

  #start(): void {
    this.exitStatus = undefined
    this.#sinceStart = 0
    this.#enter('STARTING')
    if (!this.#works) return this.#failed()
    this.alive = true
    // "If 0, any start is a success."
    if (this.#rules.startsecs === 0) this.#running()
  }

  #running(): void {
    this.#tries = 0
    this.#enter('RUNNING')
  }

  #failed(): void {
    this.alive = false
    this.#tries++
    this.#enter('BACKOFF')
    // "After startretries is exceeded, the process is placed into FATAL."
    if (this.#tries > this.#rules.startretries) this.#enter('FATAL')
  }

  #stop(): void {
    if (this.#state === 'BACKOFF') this.#enter('STOPPED')
    else if (this.alive && this.#state !== 'STOPPING') {
      this.#enter('STOPPING')
      this.seen.push(`kill ${this.#rules.stopsignal}${this.#rules.stopasgroup ? ' group' : ''}`)
    } else if (this.#state === 'EXITED') this.#restarts = false
  }

  #exit(code: number | null): void {
    const early = this.#sinceStart < this.#rules.startsecs * 1_000
    this.alive = false
    if (this.#state === 'STOPPING') {
      this.exitStatus = code ?? -1
      return this.#enter('STOPPED')
    }
    if (this.#state === 'STARTING' && early) return this.#failed()
    this.exitStatus = code ?? -1
    const expected = this.#rules.exitcodes.includes(this.exitStatus)
    this.#enter('EXITED', ` ${expected}`)
    // "true: unconditionally restarted; unexpected: restarted when its exit code is not one of exitcodes."
    const again = this.#rules.autorestart === true || (this.#rules.autorestart === 'unexpected' && !expected)
    if (again && this.#sinceStart >= 1_000) this.#start()
    else this.#restarts = again
  }

  #millisecond(): void {
    this.#sinceStart++
    this.#since++
    if (this.#state === 'STARTING' && this.#sinceStart >= this.#rules.startsecs * 1_000) this.#running()
    // "Restart attempts are delayed by the number of attempts, in seconds."
    else if (this.#state === 'BACKOFF' && this.#since >= this.#tries * 1_000) this.#start()
    else if (this.#state === 'STOPPING' && this.#since >= this.#rules.stopwaitsecs * 1_000) {
      this.#since = 0
      this.seen.push(`kill 9${this.#rules.killasgroup ? ' group' : ''}`)
    } else if (this.#restarts && this.#sinceStart >= 1_000) this.#start()
  }
}
