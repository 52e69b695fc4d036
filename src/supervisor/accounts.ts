import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** The user of that name or number; undefined: this machine knows none. */
export function findAccount(user: string | number): Account | undefined {
  const [name, , uid, gid, , home] = lookUp('passwd', String(user)) ?? []
  return name === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid), home: home ?? '/' }
}

/** The number of a group given by name or number; undefined: this machine knows none. */
export function findGroup(group: string): number | undefined {
  const [, , gid] = lookUp('group', group) ?? []
  return gid === undefined ? undefined : Number(gid)
}

/** The row of a name or, where it is written in digits, of a number. */
function lookUp(table: 'passwd' | 'group', key: string): string[] | undefined {
  const column = /^\d+$/.test(key) ? 2 : 0
  const find = (text: string): string[] | undefined =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find((row) => row[column] === key)
  try {
    const found = find(readFileSync(`/etc/${table}`, 'utf8'))
    if (found) return found
  } catch {
    // A machine without the file may still know its users: getent is asked below.
  }
  try {
    // Users of a directory service are in no file.
    return find(
      execFileSync('getent', [table, key], { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] }),
    )
  } catch {
    return undefined
  }
}
