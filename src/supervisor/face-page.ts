import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { sleep, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { act, updateGroups, type FaceAct } from './face-acts.ts'
import { Refused, sendText, type FaceRequest, type FaceRouter } from './face-router.ts'
import { FAULTS, faultOf } from './faults.ts'
import type { LogChannel, Operations, ProcessResult } from './operations.ts'
import { PAGE_CSS, PAGE_JS } from './page-assets.ts'
import { statusPage, tailPage, type Notice } from './page-html.ts'
import { tailSince } from './read-log.ts'

/** Nothing is loaded from anywhere else, nothing is framed, and no script runs but ours. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}
const SHOWN_BYTES = 16 * 1_024
/** Whoever has pressed a button sees after that what has come of it, or that it goes on. */
const PATIENCE_MS = 3_000

const ACTS = new Set<string>(['start', 'stop', 'restart', 'clear'] satisfies FaceAct[])

/** The page for people: how all processes are, what can be done with them, and their logs. Changed by POST alone. */
export function addPage(router: FaceRouter, on: Operations, clock: Clock): void {
  const status = (response: ServerResponse, notice?: Notice, code = 200): void => {
    const about = {
      identification: on.getIdentification(),
      version: on.getSupervisorVersion(),
      pid: on.getPID(),
      statename: on.getState().statename,
      processes: on.getAllProcessInfo(),
      notice,
    }
    sendPage(response, statusPage(about), code)
  }
  const shown = async (response: ServerResponse, show: () => void | Promise<void>): Promise<void> => {
    try {
      await show()
    } catch (error) {
      const fault = faultOf(error)
      if (!fault) throw error
      sendText(response, 'text/plain;charset=utf-8', `${fault.text}\n`, {
        status: fault.name === 'SHUTDOWN_STATE' ? 503 : 404,
      })
    }
  }
  const home = ({ query }: FaceRequest, response: ServerResponse): Promise<void> =>
    shown(response, () => status(response, noticeIn(query)))
  router.get('/', home)
  // supervisord's own name for it; what its links would do by GET is not done.
  router.get('/index.html', home)
  router.get('/page.css', (_request, response) => sendPage(response, PAGE_CSS, 200, 'text/css'))
  router.get('/page.js', (_request, response) => sendPage(response, PAGE_JS, 200, 'text/javascript'))
  router.get('/tail', (_request, response) =>
    shown(response, async () => {
      const text = await on.readLog(-SHOWN_BYTES, 0)
      sendPage(response, tailPage({ of: undefined, text, stream: '/mainlogtail' }))
    }),
  )
  router.get('/tail/:name/:channel', ({ params }, response) =>
    shown(response, async () => {
      const { name = '', channel } = params
      if (channel !== 'stdout' && channel !== 'stderr') throw new Refused(404)
      sendPage(response, await tailOf(on, name, channel))
    }),
  )
  router.post('/act', async ({ headers, body }, response) => {
    if (!isOwnPage(headers)) throw new Refused(403)
    const form = new URLSearchParams(body)
    const [what, name] = [form.get('act') ?? '', form.get('name') ?? '*']
    try {
      if (what === 'reread' || what === 'update') return status(response, await reconfigured(on, what))
      if (!ACTS.has(what)) throw new Refused(400)
      const results = await done(clock, act(on, what as FaceAct, name))
      const failed = (results ?? []).filter(({ status: code }) => code !== FAULTS.SUCCESS.code)
      if (failed.length > 0) return status(response, noticeOf(failed), 409)
      const query = new URLSearchParams({ did: what, ...(name !== '*' && { of: name }), ...(!results && { on: '' }) })
      response.writeHead(303, { ...HEADERS, location: `/?${query.toString()}` }).end()
    } catch (error) {
      const fault = faultOf(error)
      if (!fault) throw error
      const text = what === 'reread' || what === 'update' ? fault.text : `${name}: ${fault.text}`
      await shown(response, () => status(response, { text, isError: true }, 409))
    }
  })
}

function sendPage(response: ServerResponse, text: string, status = 200, type = 'text/html'): void {
  sendText(response, `${type}; charset=utf-8`, text, { status, headers: HEADERS })
}

/** Whether a page of ours has sent it: browsers tell where a form stands; one that does not is none to trust. */
function isOwnPage(headers: IncomingHttpHeaders): boolean {
  // That it is no other's has been looked at before.
  return headers.origin !== undefined || headers['sec-fetch-site'] === 'same-origin'
}

/** What has come of it; undefined: it goes on. */
async function done(
  clock: Clock,
  doing: Promise<readonly ProcessResult[]>,
): Promise<readonly ProcessResult[] | undefined> {
  const late = new AbortController()
  const patience = sleep(clock, PATIENCE_MS, late.signal).then(
    () => undefined,
    () => undefined,
  )
  let isLate = false
  doing.catch((error: unknown) => {
    if (isLate) log('warn', 'supervisor', 'what the page was asked for failed', { why: messageOf(error) })
  })
  try {
    return await Promise.race([doing, patience])
  } finally {
    isLate = true
    late.abort()
  }
}

async function reconfigured(on: Operations, what: 'reread' | 'update'): Promise<Notice> {
  const changes = what === 'reread' ? { ...(await on.reloadConfig()), failed: [] } : await updateGroups(on)
  const words = what === 'reread' ? ['new', 'changed', 'gone'] : ['added', 'updated', 'removed']
  const lists = [changes.added, changes.changed, changes.removed]
  const parts = lists.flatMap((names, i) => (names.length > 0 ? [`${words[i]}: ${names.join(', ')}`] : []))
  if (changes.failed.length > 0) parts.push(`could not be stopped: ${changes.failed.join(', ')}`)
  const text = parts.length > 0 ? parts.join('; ') : 'The configuration has not changed.'
  return { text, isError: changes.failed.length > 0 }
}

function noticeOf(failed: readonly ProcessResult[]): Notice {
  return {
    text: failed.map(({ group, name, description }) => `${group}:${name}: ${description}`).join('; '),
    isError: true,
  }
}

const DONE: Readonly<Record<string, string>> = {
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
  clear: 'log cleared',
}

/** Only what an act of ours can have led to is said: an address is written by anybody. */
function noticeIn(query: URLSearchParams): Notice | undefined {
  const [did, of] = [query.get('did') ?? '', query.get('of')]
  if (!Object.hasOwn(DONE, did) || (of !== null && !/^[\p{L}\p{N}_.*:@+-]{1,200}$/u.test(of))) return undefined
  const who = of ?? 'All'
  return { text: query.has('on') ? `${who}: ${did} goes on` : `${who}: ${DONE[did]}`, isError: false }
}

async function tailOf(on: Operations, name: string, channel: LogChannel): Promise<string> {
  const path = `/api/v1/processes/${encodeURIComponent(name)}/log/${channel}/stream`
  const { text, offset } = await tailSince(
    (from, length) => on.tailProcessLog(name, channel, from, length),
    0,
    SHOWN_BYTES,
  )
  return tailPage({ of: { name, channel }, text, stream: `${path}?offset=${offset}` })
}
