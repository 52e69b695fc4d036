import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Attempts } from '../../src/dashboard/auth-attempts.ts'
import { hashPassword, isPassword, isPasswordHash } from '../../src/dashboard/auth-passwords.ts'
import { Sessions } from '../../src/dashboard/auth-sessions.ts'
import { parseUsers } from '../../src/dashboard/auth-users.ts'
import { dashboard } from '../../src/dashboard/dashboard.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { type Board, cookieOf, openBoard, PASSWORD, threeUsers, TOKEN, TOKENS } from './open-board.ts'

describe('a dashboard with users', () => {
  let board: Board
  beforeAll(async () => {
    board = await openBoard({ users: await threeUsers(), tokens: TOKENS, allowedOrigins: ['https://ops.example.com'] })
  })
  afterAll(() => board.close())

  it.each([
    ['GET', '/api/v1/session'],
    ['GET', '/api/v1/overview'],
    ['GET', '/api/v1/tasks?q=state:FAILURE'],
    ['GET', '/api/v1/live?topics=overview'],
    ['GET', '/api/v1/audit'],
    ['GET', '/api/v1/processes/log?target=a:b:c'],
    ['GET', '/api/v1/nothing'],
    ['GET', '/api/v1/../v1/audit'],
    ['GET', '/api//v1/audit'],
    ['GET', '/api'],
    ['GET', '/api/workers'],
    ['GET', '/api/task/info/x'],
    ['GET', '/metrics'],
    ['HEAD', '/api/v1/audit'],
    ['OPTIONS', '/api/v1/audit'],
    ['POST', '/api/v1/actions/queue-purge'],
    ['POST', '/api/worker/shutdown/celery@host'],
    ['DELETE', '/api/v1/audit'],
  ])('answers nothing to who has not logged in: %s %s', async (method, path) => {
    const { status, text } = await board.ask(path, { method, headers: { 'content-type': 'application/json' } })
    expect(status).toBe(401)
    expect(text).toMatch(/^$|^Access denied$|"code":"LOGIN_NEEDED"/)
  })

  it('shows that it lives, and pages with nothing in them, to everybody', async () => {
    expect((await board.ask('/healthcheck')).text).toBe('OK')
    // 503: this one has no pages.
    expect((await board.ask('/tasks')).status).toBe(503)
  })

  it('lets somebody in by name and password, with a cookie that no page can read or lend', async () => {
    const { status, headers, json } = await board.post('/api/v1/login', { user: 'ana', password: PASSWORD })
    expect([status, json]).toEqual([200, expect.objectContaining({ user: 'ana', role: 'admin' })])
    const [cookie] = headers['set-cookie'] as string[]
    expect(cookie).toMatch(/^lovage_session=[\w-]{40,}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/)
    const held = cookie?.split(';', 1)[0] as string
    expect((await board.ask('/api/v1/session', { headers: { cookie: held } })).json).toMatchObject({ user: 'ana' })
    const out = await board.post('/api/v1/logout', {}, { cookie: held, origin: board.dashboard.url ?? '' })
    expect([out.status, out.headers['set-cookie']]).toEqual([204, [expect.stringContaining('Max-Age=0')]])
    expect((await board.ask('/api/v1/session', { headers: { cookie: held } })).status).toBe(401)
  })

  it('lets programs in by a token, and by name and password with each request', async () => {
    const bearer = { authorization: `Bearer ${TOKEN}` }
    expect((await board.ask('/api/v1/session', { headers: bearer })).json).toMatchObject({
      user: 'deploy',
      role: 'operate',
    })
    const basic = { authorization: `Basic ${Buffer.from(`vera:${PASSWORD}`).toString('base64')}` }
    expect((await board.ask('/api/v1/session', { headers: basic })).json).toMatchObject({ user: 'vera', role: 'view' })
  })

  it.each([
    { authorization: 'Bearer another' },
    { authorization: 'Bearer' },
    { authorization: 'Basic !!!' },
    { authorization: `Basic ${Buffer.from('nobody:x').toString('base64')}` },
    { cookie: 'lovage_session=' },
    { cookie: 'lovage_session=another; lovage_session=and-another' },
    { cookie: '__proto__=1; lovage_session' },
  ])('does not know who shows %j', async (headers) => {
    expect((await board.ask('/api/v1/session', { headers: headers as unknown as Record<string, string> })).status).toBe(
      401,
    )
  })

  it.each([
    { user: 'ana' },
    { user: ['ana'], password: PASSWORD },
    { user: 'x'.repeat(2000), password: 'x' },
    [],
    null,
    'text',
  ])('takes no %j for a login', async (body) => {
    expect((await board.post('/api/v1/login', JSON.stringify(body))).status).toBe(401)
  })

  it.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x', ''])(
    'takes no form: %s',
    async (type) => {
      const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
      const body = JSON.stringify({ user: 'ana', password: PASSWORD })
      const { status, json } = await board.ask('/api/v1/login', { method: 'POST', headers, body })
      expect([status, json.code]).toEqual([415, 'JSON_NEEDED'])
    },
  )

  it('does nothing that a page of another site has begun', async () => {
    const cookie = await cookieOf(board, 'ana')
    const begin = (headers: object) => board.post('/api/v1/logout', {}, { cookie, ...headers })
    const own = board.dashboard.url ?? ''
    for (const headers of [
      { origin: 'https://evil.example.org' },
      { origin: 'null' },
      { origin: `${own}.evil.example.org` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' },
      // A browser that says nothing is none.
      {},
    ]) {
      expect(await begin(headers)).toMatchObject({ status: 403, json: { code: 'ORIGIN_REFUSED' } })
    }
    // Logging in for somebody else is one of the things that no other page may.
    const login = { user: 'ana', password: PASSWORD }
    expect((await board.post('/api/v1/login', login, { origin: 'https://evil.example.org' })).status).toBe(403)
    expect((await board.ask('/api/v1/session', { headers: { cookie } })).status).toBe(200)
    const preflight = { origin: 'https://evil.example.org', 'access-control-request-method': 'POST' }
    const { headers } = await board.ask('/api/v1/logout', { method: 'OPTIONS', headers: preflight })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect((await begin({ origin: 'https://ops.example.com' })).status).toBe(204)
  })

  it('keeps who guesses waiting, whatever name is tried, and writes each attempt down', async () => {
    const other = await openBoard({ users: await threeUsers() })
    const codes: string[] = []
    // The sixth must wait for a second; should it come later than that, the next must wait for two.
    for (let at = 0; at < 9; at++) {
      const { json } = await other.post('/api/v1/login', { user: `guess${at}`, password: 'x' })
      codes.push(json.code as string)
    }
    expect(codes.slice(0, 5)).toEqual(Array(5).fill('LOGIN_FAILED'))
    expect(codes).toContain('LOGIN_WAIT')
    const { headers } = await other.post('/api/v1/login', { user: 'vera', password: PASSWORD })
    expect(Number(headers['retry-after'] ?? 1)).toBeGreaterThan(0)
    const lines = readFileSync(join(other.folder, 'data', 'audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      user: 'guess0',
      from: '127.0.0.1',
      action: 'login',
      outcome: 'refused',
    })
    expect(lines.join()).not.toContain('"password"')
    await other.close()
  })

  it('shows the audit log to those who may act', async () => {
    const asVera = await board.ask('/api/v1/audit', { headers: { cookie: await cookieOf(board, 'vera') } })
    expect(asVera).toMatchObject({ status: 403, json: { code: 'ROLE_NEEDED' } })
    const { json } = await board.ask('/api/v1/audit?limit=1', { headers: { cookie: await cookieOf(board, 'oleg') } })
    expect(json.entries).toMatchObject([{ user: 'oleg', action: 'login', outcome: 'done' }])
  })
})

describe('who is let in', () => {
  const app = lovage('shop', { broker: 'memory://dashboard-login' }, { env: {} })
  afterAll(() => app.close())

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.com'])('must be said off loopback: %s', async (host) => {
    await expect(dashboard(app, { host, port: 0 }).start()).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      fix: expect.stringContaining('--hash-password') as string,
    })
  })

  it('need not be said there where that is meant', async () => {
    const board = await openBoard({ host: '0.0.0.0', insecure: true })
    expect((await board.ask('/api/v1/session')).json).toMatchObject({ user: null, role: 'admin' })
    await board.close()
  })

  it('comes from a file too, and a cookie over TLS alone says so', async () => {
    const board = await openBoard()
    const path = join(board.folder, 'users.json')
    writeFileSync(path, JSON.stringify({ users: await threeUsers(), tokens: TOKENS }))
    const other = await openBoard({ usersFile: path, secureCookies: true })
    const { headers } = await other.post('/api/v1/login', { user: 'ana', password: PASSWORD })
    expect(String(headers['set-cookie'])).toMatch(/^__Host-lovage_session=.+; Secure; Path=\/;/)
    await other.close()
    for (const text of ['', '[]', '{"user":[]}', '{"users":[{"name":"ana","password":"plain","role":"view"}]}']) {
      writeFileSync(path, text)
      await expect(dashboard(app, { usersFile: path, port: 0 }).start()).rejects.toMatchObject({
        code: 'OPTION_INVALID',
      })
    }
    await board.close()
  })

  it('is checked when it is given', async () => {
    const [vera] = await threeUsers()
    for (const users of [[{ ...vera, role: 'root' }], [{ ...vera, name: 'a:b' }], [vera, vera], [{}], [null], 'ana']) {
      expect(() => dashboard(app, { users: users as never })).toThrow(/users/)
    }
    expect(() => dashboard(app, { tokens: [{ name: 'x', token: 'plain', role: 'view' }] })).toThrow(/tokens/)
    expect(parseUsers(`ana:admin:${vera?.password}\nbob:view:${vera?.password}`).map(({ name }) => name)).toEqual([
      'ana',
      'bob',
    ])
  })
})

it('a password is known by its hash alone', async () => {
  const hash = await hashPassword(PASSWORD, systemClock)
  expect(hash).not.toContain(PASSWORD)
  expect(await hashPassword(PASSWORD, systemClock)).not.toBe(hash)
  expect(await isPassword(PASSWORD, hash)).toBe(true)
  expect(await isPassword(`${PASSWORD} `, hash)).toBe(false)
  expect(await isPassword(PASSWORD, undefined)).toBe(false)
  // One that costs a minute or a terabyte is none.
  expect(isPasswordHash(hash.replace('scrypt:15', 'scrypt:40'))).toBe(false)
})

it('a session ends by its age, when nobody comes, and for who was away the longest', () => {
  const clock = new VirtualClock()
  const sessions = new Sessions(clock, 12 * 3_600_000)
  const first = sessions.begin('ana')
  expect(sessions.userOf(first)).toBe('ana')
  clock.advance(2 * 3_600_000)
  expect(sessions.userOf(first)).toBeUndefined()
  const second = sessions.begin('ana')
  for (let hour = 0; hour < 12; hour++) {
    expect(sessions.userOf(second)).toBe('ana')
    clock.advance(3_600_000)
  }
  expect(sessions.userOf(second)).toBeUndefined()
  const third = sessions.begin('ana')
  for (let at = 0; at < 2_000; at++) sessions.begin(`user${at}`)
  expect(sessions.userOf(third)).toBeUndefined()
  expect(sessions.size).toBe(1_000)
})

it('attempts cost more and more, and are forgotten', () => {
  const clock = new VirtualClock()
  const attempts = new Attempts(clock)
  for (let at = 0; at < 5; at++) {
    expect(attempts.waitMs('ana')).toBe(0)
    attempts.failed('ana')
  }
  expect(attempts.waitMs('bob', 'ana')).toBe(1_000)
  attempts.failed('ana')
  expect(attempts.waitMs('ana')).toBe(2_000)
  for (let at = 0; at < 30; at++) attempts.failed('ana')
  expect(attempts.waitMs('ana')).toBe(15 * 60_000)
  clock.advance(3_600_000)
  expect(attempts.waitMs('ana')).toBe(0)
})
