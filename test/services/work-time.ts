import { readdirSync, readFileSync } from 'node:fs'

/**
 * What a process group has worked so far, in milliseconds of its processors: what others take of the machine meanwhile is not
 * in it, as it is in the time on a clock.
 */
export function workMs(pid: number): number {
  const TICK_MS = 10
  const works = readdirSync('/proc').map((name) => {
    const stat = /^\d+$/.test(name) ? readStat(name) : ''
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[2]) === pid ? (Number(fields[11]) + Number(fields[12])) * TICK_MS : 0
  })
  return works.reduce((sum, each) => sum + each, 0)
}

function readStat(name: string): string {
  try {
    return readFileSync(`/proc/${name}/stat`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
