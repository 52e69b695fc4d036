// Asks the server. What it answers is told as it is; what it refuses becomes a Refusal with the server's own words.
import { signal } from '@preact/signals'
import type { ActionInputs, ActionName } from '../../src/dashboard/action-api.ts'
import type { ActionAnswer, ApiError, Role, Session } from '../../src/dashboard/api.ts'
import { learnServerTime } from './clock.ts'

/** Where the API is. */
export const API = '/api/v1/'

/** Who is logged in; undefined: not known yet; null: nobody, and somebody must. */
export const session = signal<Session | null | undefined>(undefined)

/** What went wrong, in words for people. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly fix: string | undefined
  /** Of a filter: the offset of what is wrong in it. */
  readonly at: number | undefined

  constructor(status: number, error: Partial<ApiError> & { readonly at?: number }) {
    super(error.message ?? `The server answered with status ${status}.`)
    this.name = 'Refusal'
    this.status = status
    this.code = error.code ?? `HTTP_${status}`
    this.fix = error.fix
    this.at = error.at
  }
}

/** Anything thrown, as a Refusal: the server that could not be reached at all is one too. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  return new Refusal(0, {
    code: 'UNREACHABLE',
    message: 'The dashboard’s server cannot be reached.',
    fix: 'See that `lovage dashboard` runs; the page goes on by itself as soon as it answers.',
  })
}

/** A `fetch` of the API that throws a Refusal for everything but success. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(API + path, { credentials: 'same-origin', ...init })
  learnServerTime(response.headers.get('date'))
  if (response.ok) return response
  if (response.status === 401) session.value = null
  let body: Partial<ApiError> = {}
  try {
    body = (await response.json()) as Partial<ApiError>
  } catch {
    // A proxy's error page: the status has to do.
  }
  throw new Refusal(response.status, body)
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, signal ? { signal } : {})).json() as Promise<T>
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

/** Carries out an action. Throws a Refusal where the server refuses it; `ok: false` where it was tried and failed. */
export function act<Name extends ActionName>(name: Name, body: ActionInputs[Name]): Promise<ActionAnswer> {
  return post<ActionAnswer>(`actions/${name}`, body)
}

const RANKS: readonly Role[] = ['view', 'operate', 'admin']

/** Whether who is logged in may do what takes that role. */
export function may(role: Role): boolean {
  return RANKS.indexOf(session.value?.role ?? 'view') >= RANKS.indexOf(role)
}

/** `a=1&b=x%20y`; what is undefined or empty is left out. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') params.set(name, String(value))
  }
  return params.toString()
}

/** Learns who is logged in. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await get<Session>('session')
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 401)) throw error
  }
}
