import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second. */
const TICK_US = 10_000

/** CPU time in microseconds. */
export interface Spent {
  readonly user: number
  readonly system: number
}

/** CPU time of the threads of a process whose names fit, until now. */
export function spentBy(pid: number, names: RegExp = /^/): Spent {
  let [user, system] = [0, 0]
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const end = text.lastIndexOf(')')
    if (!names.test(text.slice(text.indexOf('(') + 1, end))) continue
    const fields = text.slice(end + 2).split(' ')
    user += Number(fields[11]) * TICK_US
    system += Number(fields[12]) * TICK_US
  }
  return { user, system }
}

/** From one time to a later one, for each of `count`. */
export function spentEach(from: Spent, to: Spent, count: number): Spent {
  return { user: (to.user - from.user) / count, system: (to.system - from.system) / count }
}
