import { request } from 'node:http'
import { join } from 'node:path'
import { type App, lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { hashPassword, hashToken } from '../../src/dashboard/auth-passwords.ts'
import type { DashboardUser } from '../../src/dashboard/auth-users.ts'
import { type Dashboard, dashboard, type DashboardOptions } from '../../src/dashboard/dashboard.ts'
import type { DashboardSurroundings } from '../../src/dashboard/dashboard.ts'
import { removeFolder, temporaryFolder } from '../services/reaper.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** As JSON. */
  readonly json: any
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A dashboard that listens, in a folder of its own. */
export interface Board {
  readonly app: App
  readonly dashboard: Dashboard
  readonly folder: string
  /** As it goes over the wire: `fetch` would mend paths and the Host before it sends them. */
  ask(path: string, asked?: Asked): Promise<Answer>
  /** A POST of JSON, as a program sends it. */
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  close(): Promise<void>
}

export async function openBoard(
  options: DashboardOptions = {},
  { app: given, ...around }: DashboardSurroundings & { readonly app?: App } = {},
): Promise<Board> {
  const folder = temporaryFolder('dashboard')
  const app = given ?? lovage('shop', { broker: `memory://${folder}` }, { env: {} })
  const board = dashboard(
    app,
    { port: 0, data: join(folder, 'data'), ...options },
    { web: join(folder, 'web'), ...around },
  )
  await board.start()
  const ask = (path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(board.url ?? '')
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
      // Node leaves it out of methods that it thinks have no body.
      const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }
      const sent = request(
        { host: '127.0.0.1', port, path, method, headers: { ...length, ...headers } },
        (response) => {
          let read = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => (read += part))
          response.on('end', () => {
            const answer = { status: response.statusCode ?? 0, headers: response.headers, text: read }
            resolve({ ...answer, json: read.startsWith('{') ? (JSON.parse(read) as unknown) : undefined })
          })
        },
      )
      sent.on('error', reject)
      sent.end(text)
    })
  return {
    app,
    dashboard: board,
    folder,
    ask,
    post: (path, body = {}, headers = {}) =>
      ask(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }),
    close: async () => {
      await board.stop()
      if (!given) await app.close()
      removeFolder(folder)
    },
  }
}

export const PASSWORD = 'correct horse'

/** One of each role; all have {@link PASSWORD}. */
export async function threeUsers(): Promise<DashboardUser[]> {
  const password = await hashPassword(PASSWORD, systemClock)
  return [
    { name: 'vera', password, role: 'view' },
    { name: 'oleg', password, role: 'operate' },
    { name: 'ana', password, role: 'admin' },
  ]
}

export const TOKEN = 'a-token-of-the-deployment'
export const TOKENS = [{ name: 'deploy', token: hashToken(TOKEN), role: 'operate' }] as const

/** The cookie of somebody who has logged in. */
export async function cookieOf(board: Board, user: string): Promise<string> {
  const { headers } = await board.post('/api/v1/login', { user, password: PASSWORD })
  return String(headers['set-cookie']).split(';', 1)[0] ?? ''
}
