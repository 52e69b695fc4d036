import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { ActionAnswer, TaskRow } from '../../src/dashboard/api.ts'
import * as fleet from './fleet-facts.ts'
import * as hosts from './host-facts.ts'
import { gateways } from './gateway-facts.ts'
import { log, processes } from './process-facts.ts'
import { dead, queues } from './queue-facts.ts'
import { schedules } from './schedule-facts.ts'
import { HARMFUL, taskDetail, taskList, taskRows, taskWhy } from './task-facts.ts'
import { worker, workers } from './worker-facts.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

/** The policy under which the pages must work: no script or style in the page itself, nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** What `GET <topic>` answers. */
const LISTS: Readonly<Record<string, (nowMs: number) => unknown>> = {
  overview: fleet.overview,
  workers,
  queues,
  schedules,
  gateways,
  processes,
  audit: hosts.audit,
  jobs: hosts.jobs,
}

const HARM_IN_JSON = JSON.stringify(HARMFUL).slice(1, -1)

/** What a page asked to be done. */
interface Acted {
  readonly name: string
  readonly body: Record<string, unknown>
}

/** Serves the pages as they are built, with facts made up beforehand instead of a fleet, and a stream that tests speak on. */
export class FixtureServer {
  readonly tasks: TaskRow[]
  readonly acted: Acted[] = []
  /** Of each stream that was opened: its query and the id that it resumes from. */
  readonly streams: { readonly url: URL; readonly lastId: string | undefined }[] = []
  /** What the next actions answer. */
  answer: ActionAnswer = { ok: true, text: 'Done.' }
  /** Stands where texts would do harm as markup; undefined: the harmful text itself. */
  insteadOfHarm: string | undefined
  /** Whether one must log in: as `ana`, with `secret`. */
  hasLogin = false
  #isLoggedIn = false
  #server: Server | undefined
  #open = new Set<ServerResponse>()
  #isGone = false
  #port = 0
  #id = 0
  readonly #folder: string

  constructor(folder: string, tasks = 2_000) {
    this.#folder = folder
    this.tasks = taskRows(tasks, Date.now())
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response))
    server.on('connection', (socket) => this.#isGone && socket.destroy())
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.leave()
    await new Promise((resolve) => server.close(resolve))
  }

  /** As if the process was killed. It keeps its port, which somebody else may take otherwise, and hangs up on everybody. */
  leave(): void {
    this.#isGone = true
    this.#open.clear()
    this.#server?.closeAllConnections()
  }

  /** As if it was started again. */
  comeBack(): void {
    this.#isGone = false
  }

  /** What the stream that was opened last tells of: a page takes one of its topics when it has been given the first of it. */
  streamed(): string | null | undefined {
    return this.streams.at(-1)?.url.searchParams.get('topics')
  }

  /** Sends an event to every tab that listens. */
  push(topic: string, data: unknown): void {
    this.#id += 1
    for (const response of this.#open) {
      response.write(`id: ${this.#id}\nevent: ${topic}\ndata: ${JSON.stringify(data)}\n\n`)
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    if (!url.pathname.startsWith('/api/v1/')) return this.#file(url.pathname, response)
    const path = url.pathname.slice('/api/v1/'.length)
    const send = (status: number, body: unknown): void => {
      const text = JSON.stringify(body)
      const shown = this.insteadOfHarm === undefined ? text : text.replaceAll(HARM_IN_JSON, this.insteadOfHarm)
      response.writeHead(status, { 'content-type': 'application/json' }).end(shown)
    }
    if (request.method === 'POST') return this.#post(path, request, send)
    if (this.hasLogin && !this.#isLoggedIn) {
      return send(401, { code: 'LOGIN_NEEDED', message: 'Nobody is logged in.', fix: 'Log in.' })
    }
    if (path === 'live') return this.#live(url, request, response)
    const found = this.#facts(path, url)
    if (typeof found === 'number') {
      return send(400, {
        code: 'FILTER_INVALID',
        message: 'This is no part of a filter.',
        fix: 'Write key:value.',
        at: found,
      })
    }
    return found === undefined ? send(404, { code: 'NOT_FOUND', message: `There is no ${path}.` }) : send(200, found)
  }

  #facts(path: string, url: URL): unknown {
    const now = Date.now()
    if (path === 'session') return fleet.SESSION
    if (path === 'tasks') return taskList(this.tasks, url.searchParams, now)
    const [room, name, part] = path.split('/').map(decodeURIComponent)
    if (room === 'tasks') {
      const row = this.tasks.find(({ id }) => id === name)
      return row && (part === 'why' ? taskWhy(row) : taskDetail(row, this.tasks, now))
    }
    if (room === 'workers' && name !== undefined) return worker(now, name)
    if (room === 'queues' && name !== undefined && part === 'dead') return dead(now, name)
    if (room === 'processes' && name === 'log') return log(url.searchParams)
    return name === undefined ? LISTS[room ?? '']?.(now) : undefined
  }

  async #post(path: string, request: IncomingMessage, send: (status: number, body: unknown) => void): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const body = JSON.parse(text || '{}') as Record<string, unknown>
    if (path === 'login') {
      this.#isLoggedIn = body['user'] === 'ana' && body['password'] === 'secret'
      if (this.#isLoggedIn) return send(200, fleet.SESSION)
      return send(401, { code: 'LOGIN_WRONG', message: 'The name or the password is wrong.', fix: 'Try again.' })
    }
    if (path === 'logout') {
      this.#isLoggedIn = false
      return send(200, { ok: true, text: 'Logged out.' })
    }
    this.acted.push({ name: path.replace('actions/', ''), body })
    return send(200, this.answer)
  }

  #live(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const lastId = request.headers['last-event-id'] as string | undefined
    this.streams.push({ url, lastId })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(`event: hello\ndata: ${JSON.stringify({ version: '0.1.0', resumed: lastId !== undefined })}\n\n`)
    this.#open.add(response)
    response.on('close', () => this.#open.delete(response))
  }

  #file(path: string, response: ServerResponse): void {
    const wanted = join(this.#folder, path)
    const isFile = extname(path) !== '' && wanted.startsWith(this.#folder) && existsSync(wanted)
    const file = isFile ? wanted : join(this.#folder, 'index.html')
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': file.includes('assets') ? 'max-age=3600, immutable' : 'no-cache',
    })
    response.end(readFileSync(file))
  }
}
