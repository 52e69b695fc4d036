import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second. */
export const TICK_US = 10_000

/** CPU time of processes so far, in microseconds; NaN on machines without /proc. Those that are gone count as nothing. */
export function cpuOf(pids: readonly number[]): number {
  let micros = 0
  for (const pid of pids) {
    if (pid === process.pid) {
      const { user, system } = process.cpuUsage()
      micros += user + system
      continue
    }
    const fields = statOf(`/proc/${pid}`)?.fields
    // Neither says too much: the ticks are rounded down, and the threads are those that have not ended.
    if (fields) micros += Math.max((Number(fields[11]) + Number(fields[12])) * TICK_US, cpuOfThreads(pid))
  }
  return statOf('/proc/self') ? micros : NaN
}

/** Of the threads that a process has now, to the nanosecond; 0 where the kernel does not tell. */
function cpuOfThreads(pid: number): number {
  let nanos = 0
  for (const thread of namesIn(`/proc/${pid}/task`)) {
    try {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0])
    } catch {
      // It has ended meanwhile, or there is no such file.
    }
  }
  return nanos / 1_000
}

/** The same of a process, its children, and those of its children that have ended and that it has waited for. */
export function cpuOfFamily(parent: number): number {
  const fields = statOf(`/proc/${parent}`)?.fields
  if (!fields) return NaN
  return cpuOf(familyOf(parent)) + (Number(fields[13]) + Number(fields[14])) * TICK_US
}

/** A process and its children. */
export function familyOf(parent: number): number[] {
  return [parent, ...processesWith(1, parent)]
}

/** A process and those of its group, which it leads. */
export function groupOf(leader: number): number[] {
  return [leader, ...processesWith(2, leader).filter((pid) => pid !== leader)]
}

/** Processes in whose `stat` that field is `value`; none on machines without /proc. */
function processesWith(field: number, value: number): number[] {
  return namesIn('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && Number(statOf(`/proc/${pid}`)?.fields[field]) === value)
}

/** None on machines without /proc, and of what is gone. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** What processes hold of the machine's memory (RSS), in MiB; NaN where that cannot be seen. */
export function memoryOf(pids: readonly number[]): number {
  let kib = 0
  for (const pid of pids) {
    try {
      kib += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN)
    } catch {
      return NaN
    }
  }
  return kib / 1_024
}

/**
 * What /proc tells of a process, or of a thread of one: its name, and the fields behind it (its state, its parent, its group,
 * ...). Undefined where it is gone.
 */
export function statOf(folder: string): { name: string; fields: readonly string[] } | undefined {
  try {
    const text = readFileSync(`${folder}/stat`, 'utf8')
    // A name may hold brackets and spaces.
    const end = text.lastIndexOf(')')
    return { name: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') }
  } catch {
    return undefined
  }
}
