import type { ServerResponse } from 'node:http'
import { messageOf } from '../base/errors.ts'
import { act, FACE_ACTS, updateGroups, type ActOptions, type FaceAct } from './face-acts.ts'
import { Refused, sendText, type FaceHandler, type FaceRequest, type FaceRouter } from './face-router.ts'
import { FAULTS, faultError, faultOf, type FaultName } from './faults.ts'
import type { LogChannel, Operations } from './operations.ts'
import { tailSince } from './read-log.ts'
import type { StateFeed } from './state-feed.ts'

/** What the JSON face stands on. */
export interface FaceApi {
  readonly operations: Operations
  readonly feed: StateFeed
  /** Sends a log that goes on as it grows, as plain text, from a byte on or from near its end. */
  readonly follow: (path: string | undefined, response: ServerResponse, from?: number) => Promise<void>
}

const MOST_OF_A_LOG = 4 * 2 ** 20
const SHOWN_BYTES = 16 * 1_024

/** `/api/v1`: everything as JSON, changes as server-sent events, logs as they grow. Changed by POST alone. */
export function addApi(router: FaceRouter, { operations: on, feed, follow }: FaceApi): void {
  const get = (path: string, answer: (request: FaceRequest) => unknown): void =>
    router.get(`/api/v1/${path}`, asJson(answer))
  const post = (path: string, answer: (request: FaceRequest) => unknown): void =>
    router.post(`/api/v1/${path}`, asJson(answer))

  get('state', () => ({
    ...on.getState(),
    version: on.getSupervisorVersion(),
    identification: on.getIdentification(),
    pid: on.getPID(),
  }))
  get('processes', () => on.getAllProcessInfo())
  get('processes/:name', ({ params }) => on.getProcessInfo(nameIn(params)))
  get('configuration', () => on.getAllConfigInfo())
  get('log', ({ query }) => on.readLog(...spanIn(query)))
  get('processes/:name/log/:channel', ({ params, query }) => {
    const [name, channel] = [nameIn(params), channelIn(params)]
    return tailSince((offset, length) => on.tailProcessLog(name, channel, offset, length), ...tailIn(query))
  })
  router.get('/api/v1/events', ({ headers, query }, response) => {
    const given = headers['last-event-id'] ?? query.get('lastEventId') ?? undefined
    feed.join(response, typeof given === 'string' ? given : undefined)
  })
  const stream = (pathOf: (request: FaceRequest) => string | undefined): FaceHandler => {
    return async (request, response) => {
      try {
        const from = integerIn(request.query, 'offset')
        await follow(pathOf(request), response, from === undefined ? undefined : Math.max(0, from))
      } catch (error) {
        sendError(response, error)
      }
    }
  }
  router.get(
    '/api/v1/log/stream',
    stream(() => on.mainLogPath()),
  )
  router.get(
    '/api/v1/processes/:name/log/:channel/stream',
    stream(({ params }) => on.logPath(nameIn(params), channelIn(params))),
  )

  post('processes/:name/:act', async ({ params, body }) => {
    const what = params['act'] as FaceAct
    if (!FACE_ACTS.includes(what)) throw new Refused(404)
    return act(on, what, nameIn(params), optionsIn(body))
  })
  post('reread', () => on.reloadConfig())
  post('update', () => updateGroups(on))
  post('groups/:name/add', ({ params }) => on.addProcessGroup(nameIn(params)))
  post('groups/:name/remove', ({ params }) => on.removeProcessGroup(nameIn(params)))
  post('log/clear', () => on.clearLog())
  post('shutdown', () => on.shutdown())
  post('restart', () => on.restart())
}

function asJson(answer: (request: FaceRequest) => unknown): FaceHandler {
  return async (request, response) => {
    try {
      sendJson(response, 200, await answer(request))
    } catch (error) {
      sendError(response, error)
    }
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const headers = { 'cache-control': 'no-store' }
  sendText(response, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`, { status, headers })
}

/** supervisord's faults as HTTP has them; every other one is a conflict with how things are. */
const STATUSES: Partial<Record<FaultName, number>> = {
  BAD_NAME: 404,
  NO_FILE: 404,
  BAD_ARGUMENTS: 400,
  BAD_SIGNAL: 400,
  INCORRECT_PARAMETERS: 400,
  SHUTDOWN_STATE: 503,
}

function sendError(response: ServerResponse, error: unknown): void {
  const fault = faultOf(error)
  if (!fault) throw error
  const { name, code, text } = fault
  sendJson(response, STATUSES[name] ?? 409, {
    error: { fault: name, number: code, message: text, fix: FAULTS[name].fix },
  })
}

const nameIn = (params: FaceRequest['params']): string => params['name'] ?? ''

function channelIn(params: FaceRequest['params']): LogChannel {
  const { channel } = params
  if (channel === 'stdout' || channel === 'stderr') return channel
  throw faultError('BAD_NAME', channel)
}

/** `offset` and `length` of a read: the last 16 KiB where nothing is said. */
function spanIn(query: URLSearchParams): [offset: number, length: number] {
  const [offset, length] = [integerIn(query, 'offset'), integerIn(query, 'length')]
  if (offset === undefined && length === undefined) return [-SHOWN_BYTES, 0]
  return [Math.max(-MOST_OF_A_LOG, offset ?? 0), length === 0 && (offset ?? 0) < 0 ? 0 : atMost(length)]
}

/** The same of a tail: what has come since `offset`. */
function tailIn(query: URLSearchParams): [offset: number, length: number] {
  const length = integerIn(query, 'length')
  return [integerIn(query, 'offset') ?? 0, length === undefined ? SHOWN_BYTES : atMost(length)]
}

const atMost = (length: number | undefined): number => Math.min(MOST_OF_A_LOG, length ?? MOST_OF_A_LOG)

function integerIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^-?\d{1,15}$/.test(text)) throw faultError('BAD_ARGUMENTS', `${name} is no whole number`)
  return Number(text)
}

const CHECKS: Readonly<Record<keyof ActOptions, 'boolean' | 'string'>> = {
  wait: 'boolean',
  force: 'boolean',
  signal: 'string',
  chars: 'string',
}

function optionsIn(body: string): ActOptions {
  if (body.trim() === '') return {}
  let given: unknown
  try {
    given = JSON.parse(body)
  } catch (error) {
    throw faultError('INCORRECT_PARAMETERS', messageOf(error))
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw faultError('INCORRECT_PARAMETERS', 'the body is no object')
  }
  for (const [name, value] of Object.entries(given)) {
    const type = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof ActOptions] : undefined
    if (type === undefined) throw faultError('INCORRECT_PARAMETERS', `there is no ${name}`)
    if (typeof value !== type) throw faultError('INCORRECT_PARAMETERS', `${name} is no ${type}`)
  }
  return given as ActOptions
}
