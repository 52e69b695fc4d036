import { deadline, type Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Attention } from '../api.ts'
import type { ProcessList, ProcessRow } from '../api-fleet.ts'
import type { HostFacts, HostSource, ProcessFacts } from '../sources.ts'

const DAY_MS = 86_400_000

/** Changes that are remembered of one process. */
const MOST_CHANGES = 200

/** Processes that are known. */
const MOST_PROCESSES = 20_000

/** Longest wait for all hosts together. */
const ASK_MS = 15_000

const NO_SOURCE = 'no hosts are named: start the dashboard with --hosts hosts.yaml'

type Change = ProcessRow['history'][number]

/** Processes as their hosts have told of them last. */
export class Hosts {
  readonly #source: HostSource | undefined
  readonly #clock: Clock
  readonly #redact: (text: string) => string
  readonly #answers = new Map<string, HostFacts>()
  /** The last that is known of a host that does not answer. */
  readonly #known = new Map<string, readonly ProcessFacts[]>()
  readonly #history = new Map<string, Change[]>()
  #asOfMs = 0
  #staleBecause: string | undefined = 'they were not asked yet'
  #asking: Promise<void> | undefined

  constructor(source: HostSource | undefined, clock: Clock, redact: (text: string) => string = (text) => text) {
    this.#redact = redact
    this.#source = source
    this.#clock = clock
  }

  /** Asks all hosts; whoever asks meanwhile waits for the same. Never rejects. */
  ask(): Promise<void> {
    if (!this.#source) return Promise.resolve()
    this.#asking ??= this.#ask(this.#source).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  list(): ProcessList {
    const stale = this.#source ? this.#staleBecause : undefined
    const hosts = (this.#source?.hosts ?? []).map(({ name, tags }) => {
      const answer = this.#answers.get(name)
      return { name, tags, ...(answer?.unreachable && { unreachable: answer.unreachable }) }
    })
    return {
      hosts,
      processes: [...this.#known].flatMap(([host, processes]) => processes.map((each) => this.#row(host, each))),
      asOfMs: this.#asOfMs,
      ...(stale !== undefined && { staleBecause: stale }),
      ...(!this.#source && { missing: NO_SOURCE }),
    }
  }

  attention(): Attention[] {
    const gone = [...this.#answers.values()].flatMap(({ host, unreachable }): Attention[] =>
      unreachable
        ? [
            {
              level: 'bad',
              text: `Host ${host} does not answer: ${unreachable.why}`,
              link: '/processes',
              sinceMs: unreachable.sinceMs,
            },
          ]
        : [],
    )
    const sick = [...this.#known].flatMap(([host, processes]) =>
      processes
        .filter(({ statename }) => statename === 'FATAL' || statename === 'BACKOFF')
        .map(({ group, name, statename, spawnerr }): Attention => {
          const text = `${group}:${name} on ${host} is ${statename}${spawnerr === '' ? '' : `: ${spawnerr}`}`
          return { level: statename === 'FATAL' ? 'bad' : 'warn', text, link: '/processes', sinceMs: null }
        }),
    )
    return [...gone, ...sick]
  }

  async #ask(source: HostSource): Promise<void> {
    try {
      const answers = await deadline(
        this.#clock,
        source.status(),
        ASK_MS,
        () => new Error('hosts do not answer in time'),
      )
      for (const answer of answers) {
        const { unreachable } = answer
        this.#answers.set(answer.host, {
          ...answer,
          ...(unreachable && { unreachable: { ...unreachable, why: this.#redact(unreachable.why) } }),
        })
        if (unreachable) continue
        this.#known.set(answer.host, answer.processes.map(this.#shown))
        for (const process of answer.processes) this.#note(answer.host, process)
      }
      this.#asOfMs = this.#clock.now()
      this.#staleBecause = undefined
    } catch (error) {
      this.#staleBecause = messageOf(error)
    }
  }

  /** What a host says in words of its own may have a command and its arguments in it. */
  readonly #shown = (facts: ProcessFacts): ProcessFacts => ({
    ...facts,
    description: this.#redact(facts.description),
    spawnerr: this.#redact(facts.spawnerr),
  })

  #note(host: string, { group, name, statename }: ProcessFacts): void {
    const key = `${host}:${group}:${name}`
    const atMs = this.#clock.now()
    const changes = this.#history.get(key) ?? []
    if (changes.at(-1)?.state === statename) return
    if (changes.length === 0 && this.#history.size >= MOST_PROCESSES) return
    const fresh = changes.filter((change, at) => at === changes.length - 1 || change.atMs > atMs - DAY_MS)
    this.#history.set(key, [...fresh, { atMs, state: statename }].slice(-MOST_CHANGES))
  }

  #row(host: string, facts: ProcessFacts): ProcessRow {
    const { group, name, statename, description, pid, start, stop, exitstatus, spawnerr } = facts
    return {
      ...{ host, group, name, state: statename, description },
      pid: pid > 0 ? pid : null,
      startMs: start > 0 ? start * 1000 : null,
      stopMs: stop > 0 ? stop * 1000 : null,
      exitStatus: stop > 0 && pid === 0 ? exitstatus : null,
      error: spawnerr === '' ? null : spawnerr,
      history: this.#history.get(`${host}:${group}:${name}`) ?? [],
    }
  }
}
