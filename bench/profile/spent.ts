import { readdirSync } from 'node:fs'
import { statOf, TICK_US } from '../cpu.ts'

/** CPU time in microseconds. */
export interface Spent {
  readonly user: number
  readonly system: number
}

/** CPU time of the threads of a process whose names fit, until now. */
export function spentBy(pid: number, names: RegExp = /^/): Spent {
  let [user, system] = [0, 0]
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = statOf(`/proc/${pid}/task/${thread}`)
    if (!stat || !names.test(stat.name)) continue
    user += Number(stat.fields[11]) * TICK_US
    system += Number(stat.fields[12]) * TICK_US
  }
  return { user, system }
}

/** From one time to a later one, for each of `count`. */
export function spentEach(from: Spent, to: Spent, count: number): Spent {
  return { user: (to.user - from.user) / count, system: (to.system - from.system) / count }
}
