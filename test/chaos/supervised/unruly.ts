import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { forkProcess } from '../../../src/base/fork.ts'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import type { ProcessInfo, ProcessResult } from '../../../src/supervisor/operations.ts'
import { guardGroup, removeFolder, temporaryFolder } from '../../services/reaper.ts'
import type { Question } from './supervisor-process.ts'

/** Programs as they are in the field, and what becomes of each after a while. */
const KINDS: Readonly<Record<string, { settings: string; becomes: readonly string[] }>> = {
  crashes: { settings: "command=sh -c 'exit 1'\nstartsecs=1\nstartretries=2", becomes: ['FATAL'] },
  'crashes late': {
    settings: "command=sh -c 'sleep 1.5; kill -9 $$'\nstartsecs=1\nautorestart=true",
    becomes: ['STARTING', 'RUNNING'],
  },
  ends: { settings: "command=sh -c 'sleep 0.2'\nstartsecs=0\nautorestart=unexpected", becomes: ['EXITED'] },
  hangs: { settings: 'command=sleep 100000\nstartsecs=0', becomes: ['RUNNING'] },
  'ignores TERM': {
    settings: `command=sh -c 'trap "" TERM INT; while :; do sleep 1; done'\nstartsecs=0\nstopwaitsecs=1\nkillasgroup=true`,
    becomes: ['RUNNING'],
  },
  forks: {
    settings: `command=sh -c 'sleep 100000 & sleep 100000 & wait'\nstartsecs=0\nstopasgroup=true`,
    becomes: ['RUNNING'],
  },
  floods: {
    settings:
      "command=sh -c 'exec yes a line that nobody wants to read, again and again, as long as it is taken'\nstartsecs=0\nstdout_logfile=%(here)s/%(program_name)s.log\nstdout_logfile_maxbytes=1MB\nstdout_logfile_backups=1",
    becomes: ['RUNNING'],
  },
  'closes stdout': {
    settings: "command=sh -c 'exec >&- 2>&- <&-; sleep 100000 & wait'\nstartsecs=0\nstopasgroup=true",
    becomes: ['RUNNING'],
  },
  'is not there': { settings: 'command=/no/such/program\nstartretries=1', becomes: ['FATAL'] },
}

/** Each arrow of supervisord's diagram. */
const ARROWS = new Set(
  `STOPPED STARTING,STARTING RUNNING,STARTING BACKOFF,STARTING STOPPING,BACKOFF STARTING,BACKOFF FATAL,BACKOFF STOPPED,
RUNNING STOPPING,RUNNING EXITED,EXITED STARTING,FATAL STARTING,STOPPING STOPPED`
    .replaceAll('\n', '')
    .split(','),
)

export interface Unruly {
  readonly programs: number
  readonly samples: number
  readonly changes: number
  /** Of the supervisor, after the first and the last third of the time. */
  readonly memoryBytes: { readonly early: number; readonly late: number }
  readonly loggedBytes: number
  readonly stopAllMs: number
  readonly failures: readonly string[]
}

/** Keeps `programs` of every kind for `seconds`, looks at them all the time, stops, starts and stops them all. */
export async function unruly({
  programs,
  seconds,
  floods,
}: {
  programs: number
  seconds: number
  floods: number
}): Promise<Unruly> {
  const folder = temporaryFolder('unruly')
  const kinds = kindsOf(programs, floods)
  const sections = kinds.map((kind, index) => `[program:${nameOf(index)}]\n${KINDS[kind]?.settings}\n`)
  const config = join(folder, 's.conf')
  const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\n`
  writeFileSync(config, own + sections.join(''))
  const child = forkProcess(new URL('supervisor-process.ts', import.meta.url), {
    detached: true,
    env: { ...process.env, SUPERVISED_CONFIG: config },
  })
  guardGroup(child.pid as number)
  const failures: string[] = []
  const fail = (problem: string): void => void (failures.length < 50 && failures.push(problem))
  try {
    const ask = asker(child)
    await ask.ready
    const watch = new Watch(child.pid as number, ask.of, fail)
    const third = (seconds * 1_000) / 3
    await watch.over(third)
    const early = (await ask.of('memory')) as number
    await watch.over(2 * third)
    const late = (await ask.of('memory')) as number
    await until(async () => settled(await watch.info(), kinds).length === 0, 30_000)
    for (const problem of settled(await watch.info(), kinds)) fail(problem)
    const from = systemClock.monotonic()
    const stopped = (await ask.of('stopAll')) as ProcessResult[]
    const stopAllMs = Math.round(systemClock.monotonic() - from)
    for (const { name, status, description } of stopped)
      if (status !== 80) fail(`${name} was not stopped: ${description}`)
    await watch.look()
    for (const { name, statename, pid } of await watch.info()) {
      if (pid !== 0 || !['STOPPED', 'EXITED', 'FATAL'].includes(statename))
        fail(`${name} is ${statename} after stop all`)
    }
    await ask.of('startAll')
    await watch.over(500)
    await ask.of('shutdown')
    const left = childrenOf(child.pid as number)
    if (left.length > 0) fail(`left after the end: ${JSON.stringify(left)}`)
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
    const loggedBytes = logs.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0)
    return {
      ...{ programs, samples: watch.samples, changes: watch.changes, memoryBytes: { early, late } },
      ...{ loggedBytes, stopAllMs, failures },
    }
  } finally {
    child.kill('SIGKILL')
    removeFolder(folder)
  }
}

const nameOf = (index: number): string => `p${String(index).padStart(3, '0')}`

function kindsOf(programs: number, floods: number): string[] {
  const others = Object.keys(KINDS).filter((kind) => kind !== 'floods')
  return Array.from({ length: programs }, (_, index) =>
    index < floods ? 'floods' : (others[index % others.length] as string),
  )
}

/** Those that are not what they should have become. */
function settled(infos: readonly ProcessInfo[], kinds: readonly string[]): string[] {
  return infos.flatMap(({ name, statename }) => {
    const kind = kinds[Number(name.slice(1))] as string
    return KINDS[kind]?.becomes.includes(statename) ? [] : [`${name}, which ${kind}, is ${statename}`]
  })
}

/** Looks at a supervisor from outside: what it says, and what the kernel says. */
class Watch {
  samples = 0
  changes = 0
  readonly #pid: number
  readonly #ask: (question: Question) => Promise<unknown>
  readonly #fail: (problem: string) => void
  readonly #states = new Map<string, string>()
  #zombies = new Set<number>()
  #strangers = new Set<number>()

  constructor(pid: number, ask: (question: Question) => Promise<unknown>, fail: (problem: string) => void) {
    this.#pid = pid
    this.#ask = ask
    this.#fail = fail
  }

  async info(): Promise<ProcessInfo[]> {
    return (await this.#ask('info')) as ProcessInfo[]
  }

  async over(ms: number): Promise<void> {
    const endMs = systemClock.monotonic() + ms
    do {
      await this.look()
      await sleep(systemClock, 100)
    } while (systemClock.monotonic() < endMs)
  }

  async look(): Promise<void> {
    this.samples++
    for (const [name, from, to] of (await this.#ask('changes')) as [string, string, string][]) {
      this.changes++
      const known = this.#states.get(name) ?? 'STOPPED'
      if (known !== from) this.#fail(`${name} went from ${from}, but was ${known}`)
      if (!ARROWS.has(`${from} ${to}`)) this.#fail(`${name} went from ${from} to ${to}`)
      this.#states.set(name, to)
    }
    const infos = await this.info()
    for (const { name, statename, pid } of infos) {
      const mayRun = ['STARTING', 'RUNNING', 'STOPPING'].includes(statename)
      if (mayRun !== pid > 0) this.#fail(`${name} is ${statename} with pid ${pid}`)
    }
    const children = childrenOf(this.#pid)
    const pids = new Set(infos.map(({ pid }) => pid))
    // One that has only just ended, or was only just started, may be seen once.
    const zombies = children.filter(({ isZombie }) => isZombie).map(({ pid }) => pid)
    for (const pid of zombies) if (this.#zombies.has(pid)) this.#fail(`${pid} is a zombie`)
    this.#zombies = new Set(zombies)
    const strangers = children.filter(({ pid }) => !pids.has(pid)).map(({ pid }) => pid)
    for (const pid of strangers) if (this.#strangers.has(pid)) this.#fail(`${pid} is a child that nobody knows`)
    this.#strangers = new Set(strangers)
  }
}

function childrenOf(parent: number): { pid: number; isZombie: boolean }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(ppid) === parent ? [{ pid: Number(name), isZombie: state === 'Z' }] : []
    } catch {
      return []
    }
  })
}

function asker(child: ChildProcess): { ready: Promise<unknown>; of: (question: Question) => Promise<unknown> } {
  const waiting = new Map<number, (answer: unknown) => void>()
  let last = 0
  const ended = new Promise<never>((_, reject) =>
    child.once('exit', (code, signal) => reject(new Error(`the supervisor ended: ${code ?? signal}`))),
  )
  ended.catch(() => {})
  child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
    waiting.get(id)?.(answer)
    waiting.delete(id)
  })
  const answer = (id: number): Promise<unknown> =>
    Promise.race([ended, new Promise((resolve) => waiting.set(id, resolve))])
  return {
    ready: answer(0),
    of: (question) => {
      const id = ++last
      child.send({ id, question })
      return answer(id)
    },
  }
}

async function until(is: () => Promise<boolean>, ms: number): Promise<void> {
  const endMs = systemClock.monotonic() + ms
  while (!(await is()) && systemClock.monotonic() < endMs) await sleep(systemClock, 200)
}
