import { readFileSync } from 'node:fs'
import { type Check, shown, Unfit } from '../app/check.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import type { Role } from './api.ts'
import { isPasswordHash, isTokenHash } from './auth-passwords.ts'

/** Somebody who may log in. */
export interface DashboardUser {
  readonly name: string
  /** What `lovage dashboard --hash-password` prints: `scrypt:...`. */
  readonly password: string
  /** `view` changes nothing; `operate` steers tasks, workers and processes; `admin` also empties, drops and shuts down. */
  readonly role: Role
}

/** A program that may ask, by `Authorization: Bearer <token>`. */
export interface DashboardToken {
  /** What the audit log calls it. */
  readonly name: string
  /** What `lovage dashboard --new-token` prints beside the token: `sha256:...`. */
  readonly token: string
  readonly role: Role
}

/** Everybody who is let in. */
export interface Accounts {
  readonly users: readonly DashboardUser[]
  readonly tokens: readonly DashboardToken[]
}

const ROLES: readonly Role[] = ['view', 'operate', 'admin']

/** Whether who has a role may do what takes another. */
export function mayAct(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

/** A list of users, as options and files have them. */
export const users: Check<readonly DashboardUser[]> = (value) =>
  accounts(value, "[{ name: 'ana', password: 'scrypt:...', role: 'view' }]").map((each) => {
    const { name, password, role } = each
    if (typeof password === 'string' && isPasswordHash(password)) return { name, password, role }
    const problem = `has for ${name} a password that is no hash`
    throw new Unfit(problem, 'Write what `lovage dashboard --hash-password` prints')
  })

/** A list of API tokens, as options and files have them. */
export const tokens: Check<readonly DashboardToken[]> = (value) =>
  accounts(value, "[{ name: 'deploy', token: 'sha256:...', role: 'operate' }]").map((each) => {
    const { name, token, role } = each
    if (typeof token === 'string' && isTokenHash(token)) return { name, token, role }
    throw new Unfit(`has for ${name} a token that is no hash`, 'Write what `lovage dashboard --new-token` prints')
  })

/**
 * Users and tokens of a file: JSON, `{ "users": [...], "tokens": [...] }`.
 * @throws LovageError `OPTION_INVALID`
 */
export function readAccounts(path: string): Accounts {
  const invalid = (problem: string, fix: string, cause?: unknown): LovageError =>
    new LovageError('OPTION_INVALID', { option: 'usersFile', where: 'dashboard()', problem, fix }, { cause })
  const form = 'Write JSON: { "users": [{ "name": ..., "password": "scrypt:...", "role": "view" }], "tokens": [] }'
  let read: unknown
  try {
    read = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw invalid(`cannot be read: ${messageOf(error)}`, form, error)
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) throw invalid('holds no object', form)
  const { users: us = [], tokens: ts = [], ...others } = read as Record<string, unknown>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalid(`has the member ${shown(unknown)}, which is none`, form)
  try {
    return { users: users(us), tokens: tokens(ts) }
  } catch (error) {
    if (error instanceof Unfit) throw invalid(error.message, error.fix, error)
    throw error
  }
}

/**
 * Users as one text, for an environment variable: `ana:admin:scrypt:...`, with blanks or new lines between them.
 * @throws Unfit
 */
export function parseUsers(text: string): readonly DashboardUser[] {
  const rows = text.split(/[\s,]+/).filter((row) => row !== '')
  return users(
    rows.map((row) => {
      const [name, role, ...password] = row.split(':')
      return { name, role, password: password.join(':') }
    }),
  )
}

function accounts(
  value: unknown,
  example: string,
): { name: string; role: Role; password?: unknown; token?: unknown }[] {
  if (!Array.isArray(value)) throw new Unfit(`must be a list, and is ${shown(value)}`, `Write ${example}`)
  const names = new Set<string>()
  return value.map((one: unknown) => {
    const { name, role, ...rest } = (one ?? {}) as Record<string, unknown>
    // A colon ends the name in HTTP's own form of a login.
    if (typeof name !== 'string' || !/^[^\s:,]{1,100}$/.test(name)) {
      throw new Unfit(`has ${shown(name)} as a name`, `Write ${example}, names without blanks, commas and colons`)
    }
    if (names.has(name)) throw new Unfit(`has ${name} twice`, 'Leave one of them out')
    names.add(name)
    if (!ROLES.includes(role as Role)) {
      throw new Unfit(`has for ${name} the role ${shown(role)}`, `Write one of: ${ROLES.join(', ')}`)
    }
    return { name, role: role as Role, ...rest }
  })
}
