import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { until } from '../../../src/testing/broker/scene.ts'
import { type Child, startChild } from '../../services/child.ts'
import { stampOf } from './stamp.ts'

/** No wait is longer; a wait that ends here has failed. */
const PATIENCE = { timeoutMs: 120_000 }

const ROLES = ['sender', 'sender', 'worker', 'worker'] as const

/** Ids that are asked for in one order. */
const ASKED_AT_ONCE = 400

/** What can happen to the processes of a deployment. */
export type Blow = 'owner' | 'owner and heir' | 'all' | 'stopped owner'

/** What came of a life of a deployment; each list must be empty. */
export interface Verdict {
  readonly confirmed: number
  readonly unconfirmed: number
  /** Starts beyond the first of a task. */
  readonly startedAgain: number
  /** Milliseconds from the death of an owner until all survivors were connected again, sorted. */
  readonly takeOverMs: readonly number[]
  /** Confirmed, and without its outcome or with another one. */
  readonly lost: readonly string[]
  /** Started, and sent by nobody or with another body. */
  readonly corrupt: readonly string[]
}

interface Peer {
  readonly name: string
  readonly role: (typeof ROLES)[number]
  readonly child: Child
}

/** Processes that send and work on one embedded broker, and are killed. */
export class Deployment {
  readonly home: string
  readonly takeOverMs: number[] = []
  #folder = mkdtempSync(join(tmpdir(), 'lovage-kills-'))
  #peers: Peer[] = []
  #made = 0
  #random: () => number
  #built: boolean

  /** With `built` its processes run what was built, as users do, and not the source. */
  constructor(seed: number, { built = false } = {}) {
    this.#random = seededRandom(seed)
    this.#built = built
    this.home = join(this.#folder, 'home')
  }

  async start(): Promise<void> {
    this.#peers = await Promise.all(ROLES.map((role) => this.#spawn(role)))
    await this.work()
  }

  /** Waits until each sender has so many more messages confirmed than now. */
  async work(more = 1): Promise<void> {
    const senders = this.#peers.filter(({ role }) => role === 'sender')
    await Promise.all(senders.map(({ child }) => confirmations(child, more)))
  }

  /** Strikes at an instant drawn from the seed, and brings back who died. */
  async strike(blow: Blow, stoppedMs = 0): Promise<void> {
    await this.work(1 + Math.floor(this.#random() * 40))
    if (blow === 'all') await this.#kill(this.#peers)
    else if (blow === 'stopped owner') await this.#stop(await this.#owner(), stoppedMs)
    else await this.#killOwners(blow === 'owner' ? 1 : 2)
    const dead = this.#peers.filter(({ child }) => child.exit)
    const living = this.#peers.filter(({ child }) => !child.exit)
    this.#peers = [...living, ...(await Promise.all(dead.map(({ role }) => this.#spawn(role))))]
  }

  /** Ends all, after all that was confirmed has come to its end; the logs say what came of it. */
  async end(): Promise<Verdict> {
    const senders = this.#peers.filter(({ role }) => role === 'sender')
    for (const { child } of senders) child.write('rest\n')
    await Promise.all(senders.map(({ child }) => child.line(/^rests$/, PATIENCE)))
    const before = this.#facts()
    const [{ child: asked }] = this.#peers as [Peer]
    const ids = [...before.confirmed]
    for (let at = 0; at < ids.length; at += ASKED_AT_ONCE) {
      const from = asked.lines.length
      asked.write(`outcomes ${ids.slice(at, at + ASKED_AT_ONCE).join(' ')}\n`)
      await asked.line(/^outcomes told$/, { ...PATIENCE, from })
      // What is lost is lost: there is no need to wait as long for the rest.
      if (asked.lines.some((line) => line.startsWith('no outcome'))) break
    }
    await this.clear(false)
    return this.#judge(this.#facts())
  }

  /** Ends whatever still runs, and takes the files away. */
  async clear(isAll = true): Promise<void> {
    await Promise.all(this.#peers.splice(0).map(({ child }) => child.kill()))
    if (isAll) rmSync(this.#folder, { recursive: true, force: true })
  }

  async #spawn(role: Peer['role']): Promise<Peer> {
    const name = `${role}-${++this.#made}`
    const log = join(this.#folder, `${name}.log`)
    const script = ['scripts/run-ts.mjs', ...(this.#built ? ['--built'] : []), 'test/chaos/embedded/peer-process.ts']
    const child = startChild(process.execPath, [...script, `embedded://${this.home}`, log, name, role], { name })
    await child.line(/^ready /, PATIENCE)
    return { name, role, child }
  }

  async #owner(): Promise<Peer> {
    let owner: Peer | undefined
    await until(
      'there is an owner',
      () => (owner = this.#peers.find(({ child }) => child.pid === this.#ownerPid())) !== undefined,
    )
    return owner as Peer
  }

  #ownerPid(): number | undefined {
    try {
      return (JSON.parse(readFileSync(join(this.home, 'broker', 'owner.json'), 'utf8')) as { pid: number }).pid
    } catch {
      return undefined
    }
  }

  async #killOwners(count: number): Promise<void> {
    let killedAtMs = 0
    for (let nth = 0; nth < count; nth++) {
      const { child } = await this.#owner()
      killedAtMs = Date.now()
      await child.kill()
      // The heir dies as soon as it has begun: most likely while it reads the journal.
      if (nth + 1 < count) await until('it has an heir', () => ![child.pid, undefined].includes(this.#ownerPid()))
    }
    const living = this.#peers.filter(({ child }) => !child.exit)
    const back = await Promise.all(living.map(({ child }) => connectedAfter(child, killedAtMs)))
    if (count === 1) this.takeOverMs.push(Math.max(...back) - killedAtMs)
  }

  async #kill(peers: readonly Peer[]): Promise<void> {
    await Promise.all(peers.map(({ child }) => child.kill()))
  }

  /** While the owner is stopped nobody else is it, and nothing is confirmed. */
  async #stop({ child, name }: Peer, ms: number): Promise<void> {
    const numbers = this.#owners()
    child.signal('SIGSTOP')
    // What it had said before is still read.
    await pause(Math.min(500, ms / 2))
    const others = this.#peers.filter((peer) => peer.role === 'sender' && peer.name !== name)
    const before = others.map((peer) => lastConfirmation(peer.child))
    await pause(ms)
    const after = others.map((peer) => lastConfirmation(peer.child))
    const isSame = this.#owners().join() === numbers.join() && this.#ownerPid() === child.pid
    child.signal('SIGCONT')
    if (!isSame) throw new Error('there were two owners')
    if (before.join() !== after.join()) throw new Error('something was confirmed while the owner was stopped')
    await this.work()
  }

  #owners(): string[] {
    return readdirSync(join(this.home, 'broker')).filter((name) => name.startsWith('owner-'))
  }

  #facts(): Facts {
    const facts: Facts = { sent: new Map(), confirmed: new Set(), started: new Map(), outcomes: new Map(), wrong: [] }
    for (const file of readdirSync(this.#folder).filter((name) => name.endsWith('.log'))) {
      for (const line of readFileSync(join(this.#folder, file), 'utf8').split('\n')) {
        const [what, id = '', ...rest] = line.split(' ')
        if (what === 'sent') facts.sent.set(id, stampOf(rest[0] as string, Number(rest[1])))
        else if (what === 'confirmed') facts.confirmed.add(id)
        else if (what === 'started') facts.started.set(id, (facts.started.get(id) ?? 0) + 1)
        else if (what === 'outcome') facts.outcomes.set(id, rest.join(' '))
        else if (what === 'wrong') facts.wrong.push(line)
      }
    }
    return facts
  }

  #judge({ sent, confirmed, started, outcomes, wrong }: Facts): Verdict {
    const right = (id: string): boolean => outcomes.get(id) === `SUCCESS ${JSON.stringify(sent.get(id))}`
    return {
      confirmed: confirmed.size,
      unconfirmed: sent.size - confirmed.size,
      startedAgain: [...started.values()].reduce((sum, count) => sum + count - 1, 0),
      takeOverMs: this.takeOverMs.toSorted((a, b) => a - b),
      lost: [...confirmed].filter((id) => !right(id)).map((id) => `${id} ${outcomes.get(id) ?? 'has no outcome'}`),
      corrupt: [...wrong, ...[...started.keys()].filter((id) => !sent.has(id))],
    }
  }
}

interface Facts {
  readonly sent: Map<string, string>
  readonly confirmed: Set<string>
  readonly started: Map<string, number>
  readonly outcomes: Map<string, string>
  readonly wrong: string[]
}

function lastConfirmation(child: Child): number {
  return Number(child.lines.findLast((line) => line.startsWith('confirmed '))?.split(' ')[1] ?? 0)
}

async function confirmations(child: Child, more: number): Promise<void> {
  await child.line(new RegExp(`^confirmed ${lastConfirmation(child) + more}$`), PATIENCE)
}

/** When this process was connected to an owner again that came after this time. */
async function connectedAfter(child: Child, atMs: number): Promise<number> {
  const timeOf = (line: string): number => Number(/^state connected at (\d+)/.exec(line)?.[1] ?? 0)
  const found = (): string | undefined => child.lines.find((line) => timeOf(line) >= atMs)
  while (!found()) await child.line(/^state connected/, { ...PATIENCE, from: child.lines.length })
  return timeOf(found() as string)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
