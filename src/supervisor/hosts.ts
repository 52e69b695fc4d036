import { systemClock, type Clock } from '../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { CTL_EXIT } from './ctl-session.ts'
import { faultOf } from './faults.ts'
import type { HostTalk, Said } from './host-act.ts'
import { HOST_VERBS, NOT_BEGUN, type HostVerb } from './host-verbs.ts'
import { hostPattern, type HostPattern } from './host-names.ts'
import type { HostAnswer, Unreachable } from './host-views.ts'
import type { LogChannel, LogTail, ProcessInfo } from './operations.ts'
import { tailSince } from './read-log.ts'
import { RpcClient } from './rpc-client.ts'
import { sideBySide } from './side-by-side.ts'

/** One supervisor of several, ours or supervisord. */
export interface Host {
  readonly name: string
  /** `http://host:port` or `unix:///path`. */
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly tags: readonly string[]
}

export interface HostsOptions {
  /** Longest wait for the answer to a question. Default: 5 s. */
  readonly timeoutMs?: number
  /** Longest wait until a program has started or ended. Default: 10 min, and no less than `timeoutMs`. */
  readonly waitMs?: number
  /** How many hosts are asked at the same time. Default: 16. */
  readonly atOnce?: number
  readonly clock?: Clock
}

/** What came of a verb, on one process or on one host as a whole. */
export interface HostResult extends Said {
  /** `*`: on none of them. */
  readonly host: string
  /** There, what was asked has not been done, or nobody knows whether it has. */
  readonly unreachable?: Unreachable
}

const TIMEOUT_MS = 5_000
const WAIT_MS = 600_000
const AT_ONCE = 16

/** Many supervisors, asked and steered side by side: a host that is slow or dead keeps nobody waiting for another. */
export class Hosts {
  readonly #hosts: readonly Host[]
  readonly #clients = new Map<string, RpcClient>()
  readonly #gone = new Map<string, Unreachable>()
  readonly #clock: Clock
  readonly #atOnce: number

  constructor(hosts: readonly Host[], options: HostsOptions = {}) {
    const { timeoutMs = TIMEOUT_MS, waitMs = Math.max(WAIT_MS, timeoutMs), atOnce = AT_ONCE } = options
    this.#clock = options.clock ?? systemClock
    this.#atOnce = Math.max(1, atOnce)
    this.#hosts = hosts
    for (const { name, url, username, password } of hosts) {
      const who = { username: username ?? null, password: password ?? null }
      this.#clients.set(name, new RpcClient({ url, ...who, timeoutMs, waitMs, clock: this.#clock }))
    }
  }

  /** Their names and tags. */
  get hosts(): readonly Pick<Host, 'name' | 'tags'>[] {
    return this.#hosts.map(({ name, tags }) => ({ name, tags }))
  }

  /**
   * What has come to a log of a process (`group:process`) since `offset`, at most `length` bytes from its end; `offset`
   * of the answer is where to go on.
   * @throws LovageError `SUPERVISOR_FAULT`, `SUPERVISOR_UNREACHABLE`, `SUPERVISOR_REFUSED`, `SUPERVISOR_HOSTS_INVALID`
   */
  async tail(host: string, process: string, channel: LogChannel, offset: number, length: number): Promise<LogTail> {
    if (!this.#clients.has(host)) {
      const fix = `Use one of: ${this.#hosts.map(({ name }) => name).join(', ')}`
      throw new LovageError('SUPERVISOR_HOSTS_INVALID', { at: 'tail', subject: host, problem: 'is no host', fix })
    }
    const method = channel === 'stdout' ? 'tailProcessStdoutLog' : 'tailProcessStderrLog'
    const tail = async (from: number, most: number): Promise<LogTail> => {
      const [text, size, overflow] = await this.#ask<[string, number, boolean]>(host, method, process, from, most)
      return { text, offset: size, overflow }
    }
    return tailSince(tail, offset, length)
  }

  /** What all hosts say of their processes, or of those that `names` mean, in the order of the hosts. Never throws. */
  async status(names: readonly string[] = []): Promise<HostAnswer[]> {
    const patterns = names.map(hostPattern)
    const hosts = this.#meant(patterns)
    const answers = new Map<string, HostAnswer>()
    const asked = sideBySide<Host, HostAnswer>(hosts, this.#atOnce, async ({ name: host }, tell) => {
      try {
        const all = await this.#ask<ProcessInfo[]>(host, 'getAllProcessInfo')
        const isMeant = (info: ProcessInfo): boolean => patterns.some((pattern) => pattern.matches(host, info))
        tell({ host, processes: patterns.length === 0 ? all : all.filter(isMeant) })
      } catch (error) {
        tell({ host, unreachable: this.#gone.get(host) ?? this.#lost(host, error) })
      }
    })
    for await (const answer of asked) answers.set(answer.host, answer)
    return hosts.map(({ name }) => answers.get(name) as HostAnswer)
  }

  /**
   * Does a verb on all hosts, on what `names` mean there, and tells each result as it comes: `start`, `stop`, `restart`,
   * `signal` (first the signal), `clear`, `rolling-restart`, `tail`, `pid`, `avail`, `version` and `update`. Whoever stops reading begins
   * nothing further. Nothing that a host does or does not do throws.
   */
  async *run(verb: HostVerb, names: readonly string[] = []): AsyncGenerator<HostResult, void, undefined> {
    const act = HOST_VERBS[verb](names)
    if ('wrong' in act) {
      yield { host: '*', text: act.wrong, exitCode: act.exitCode }
      return
    }
    const found = new Set<string>()
    const silent = new Set<string>()
    const hosts = this.#meant(act.patterns)
    const isInTurn = act.inTurn === true
    let isOver = false
    const results = sideBySide<Host, HostResult>(hosts, isInTurn ? 1 : this.#atOnce, async ({ name: host }, told) => {
      if (isOver) {
        silent.add(host)
        return told({ host, ...NOT_BEGUN })
      }
      const tell = (result: HostResult): void => {
        isOver = isInTurn && result.exitCode !== CTL_EXIT.done
        told(result)
      }
      let lost: Unreachable | undefined
      const talk: HostTalk = {
        host,
        call: (method, ...params) => this.#ask(host, method, ...params),
        client: this.#clients.get(host) as RpcClient,
        found: (pattern) => void found.add(pattern),
      }
      const tellLost = (error: unknown, name?: string): void => {
        const fault = faultOf(error)
        if (fault) return tell({ host, text: `ERROR (${fault.text})`, exitCode: CTL_EXIT.failed })
        lost ??= this.#gone.get(host) ?? this.#lost(host, error)
        // Who is lost with one of its processes has said before which there are.
        if (name === undefined) silent.add(host)
        tell({ host, ...(name !== undefined && { name }), ...lostResult(lost) })
      }
      try {
        for await (const said of act.perform(talk)) {
          if ('error' in said) tellLost(said.error, said.name)
          else tell({ host, ...said })
        }
      } catch (error) {
        tellLost(error)
      }
    })
    yield* results
    // Where nobody answers, nobody has said that there is no such thing.
    if (hosts.length > 0 && silent.size === hosts.length) return
    for (const { text } of act.patterns.filter((pattern) => !found.has(pattern.text))) {
      const where = silent.size > 0 ? 'no such process on the hosts that answer' : act.missing
      yield { host: '*', name: text, text: `ERROR (${where})`, exitCode: act.exitMissing }
    }
  }

  /** The hosts that a name may mean something of. */
  #meant(patterns: readonly HostPattern[]): readonly Host[] {
    if (patterns.length === 0) return this.#hosts
    return this.#hosts.filter(({ name }) => patterns.some((pattern) => pattern.matchesHost(name)))
  }

  async #ask<T>(host: string, method: string, ...params: readonly (string | number | boolean)[]): Promise<T> {
    try {
      const answer = await (this.#clients.get(host) as RpcClient).call<T>(method, ...params)
      this.#gone.delete(host)
      return answer
    } catch (error) {
      if (faultOf(error)) this.#gone.delete(host)
      else this.#lost(host, error)
      throw error
    }
  }

  /** Remembers since when a host does not answer. */
  #lost(host: string, error: unknown): Unreachable {
    const sinceMs = this.#gone.get(host)?.sinceMs ?? this.#clock.now()
    const lost = { sinceMs, why: whyOf(error) }
    this.#gone.set(host, lost)
    return lost
  }
}

function lostResult(unreachable: Unreachable): Pick<HostResult, 'text' | 'exitCode' | 'unreachable'> {
  const since = new Date(unreachable.sinceMs).toISOString()
  return { text: `unreachable since ${since}: ${unreachable.why}`, exitCode: CTL_EXIT.unknown, unreachable }
}

function whyOf(error: unknown): string {
  if (isLovageError(error, 'SUPERVISOR_UNREACHABLE')) return String(error.details['problem'])
  if (!isLovageError(error, 'SUPERVISOR_REFUSED')) return messageOf(error)
  const { status } = error.details as { status: number }
  return status === 401 ? 'it answers 401, see username and password' : `it answers ${status}`
}

const GRAVEST = [CTL_EXIT.unknown, CTL_EXIT.failed, CTL_EXIT.arguments, CTL_EXIT.notRunning, CTL_EXIT.stopped]

/** The one exit code of many: that of a host which does not answer, else the gravest, whichever came first. */
export function gravest(codes: Iterable<number>): number {
  const all = new Set(codes)
  return GRAVEST.find((code) => all.has(code)) ?? CTL_EXIT.done
}
