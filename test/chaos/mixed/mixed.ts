import { readFileSync } from 'node:fs'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { listDead } from '../../../src/broker/dead-letters.ts'
import { lovage } from '../../../src/index.ts'
import type { Child } from '../../services/child.ts'
import { startPython } from '../../services/python.ts'
import { type Breed, Fleet, lovageBreed, type Place } from '../rolling/fleet.ts'

/** Longest wait for the outcomes. */
const PATIENCE_MS = 5 * 60_000

const FILES = { 'mixed_app.py': readFileSync(new URL('mixed-app.py', import.meta.url), 'utf8') }

export interface MixedOptions {
  readonly results: number
  readonly kills: number
  readonly random: () => number
  /**
   * Python's main processes are left alone, their children not. Over Redis a Python worker takes a message off its list
   * first and notes it as taken second (kombu's `_brpop_read`): who is killed in between has lost it, whoever else is there.
   */
  readonly spare?: boolean
}

/** What came of kills in a fleet of two Python workers and two of ours. */
export interface MixedEnd {
  /** Right results that a Lovage caller and a Python caller got. */
  readonly ours: number
  readonly theirs: number
  readonly killed: number
  readonly childrenKilled: number
  /** Tasks that began in Lovage workers, and in Python ones. */
  readonly beganOurs: number
  readonly beganTheirs: number
  readonly dead: number
}

/**
 * Two Python workers (`acks_late`, `task_reject_on_worker_lost`) and two of ours on one queue, one tenth of the tasks known
 * to Python alone; half of the results are asked for in Python, half here, while workers of either kind are killed.
 */
export async function mixed(place: Place, { results, kills, random, spare = false }: MixedOptions): Promise<MixedEnd> {
  const half = Math.floor(results / 2)
  const { broker, backend, queue } = place
  const visible = broker.startsWith('redis') ? `${broker}?visibility_timeout=2` : broker
  const env = { BROKER: broker, BACKEND: backend, QUEUE: queue }
  const python = (args: readonly string[], name: string): Child => startPython(args, { files: FILES, env, name })
  const worker = ['-m', 'celery', '-A', 'mixed_app', 'worker', '-c', '2', '-Q', queue, '-l', 'INFO']
  let nth = 0
  const theirs: Breed = {
    start: () => python([...worker, '-n', `mixed${++nth}@%h`], 'python worker'),
    ready: / ready\./,
  }
  const own = lovageBreed({ ...place, broker: visible })
  const fleet = new Fleet(theirs, own)
  const settings = {
    broker: visible,
    backend,
    defaultQueue: queue,
    publishTimeout: '60s',
    connectTimeout: '60s',
  } as const
  const app = lovage('mixed', settings, { env: {} })
  let asked: Child | undefined
  try {
    await fleet.start(2)
    asked = python(['mixed_app.py', String(half), String(Math.floor(random() * 2 ** 31))], 'python caller')
    let ours = 0
    let settled = 0
    const ask = async (call: number): Promise<void> => {
      const ms = Math.round(20 + random() * 100)
      const isTheirs = call % 10 === 0
      try {
        const value = await app.sendTask(isTheirs ? 'python.only' : 'nap', [ms]).get({ timeout: PATIENCE_MS })
        if (JSON.stringify(value) === JSON.stringify(isTheirs ? [ms, 'python'] : ms)) ours++
        else console.error('wrong', call, value)
      } catch (error) {
        console.error(String(error))
      }
      settled++
    }
    const waits = Array.from({ length: half }, (_, call) => ask(call))
    let killed = 0
    let childrenKilled = 0
    for (let kill = 1; kill <= kills; kill++) {
      const goal = Math.floor((half * kill) / (kills + 1))
      while (settled < goal) await sleep(systemClock, 5)
      if (random() < 0.3 && fleet.killChild(random())) childrenKilled++
      else {
        await fleet.kill(random(), spare ? own : undefined)
        killed++
      }
    }
    await Promise.all(waits)
    const right = await asked.line(/^RIGHT /, { timeoutMs: PATIENCE_MS })
    const began = (pattern: RegExp): number => fleet.lines.filter((line) => pattern.test(line)).length
    const { broker: opened } = await app.client()
    const dead = (await listDead(opened, queue, 10_000)).length
    return {
      ours,
      theirs: Number(right.slice('RIGHT '.length)),
      killed,
      childrenKilled,
      beganOurs: began(/^began /),
      beganTheirs: began(/^python began /),
      dead,
    }
  } finally {
    await asked?.kill()
    await fleet.end()
    await app.close()
  }
}
