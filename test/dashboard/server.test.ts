import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lovage } from '../../src/app/app.ts'
import { type Dashboard, dashboard } from '../../src/dashboard/dashboard.ts'

describe('the server of the dashboard', () => {
  let folder: string
  let board: Dashboard
  const app = lovage('shop', { broker: 'memory://dashboard-server' }, { env: {} })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
    mkdirSync(join(folder, 'web', 'assets'), { recursive: true })
    writeFileSync(join(folder, 'web', 'index.html'), '<!doctype html><title>Lovage</title>')
    writeFileSync(join(folder, 'web', 'assets', 'main-B1x2C3d4.js'), 'export {}\n'.repeat(200))
    writeFileSync(join(folder, 'secret.txt'), 'not for you')
    const options = { port: 0, data: join(folder, 'data'), allowedHosts: ['board.example.com'] }
    board = dashboard(app, options, { web: join(folder, 'web') })
    await board.start()
  })

  afterAll(async () => {
    await board.stop()
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** As it goes over the wire: `fetch` would mend paths and the Host before it sends them. */
  function raw(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const { port } = new URL(board.url ?? '')
    return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      })
        .on('error', reject)
        .end()
    })
  }

  it('says that it lives', async () => {
    expect(await raw('/healthcheck')).toMatchObject({ status: 200, text: 'OK' })
  })

  it.each(['/', '/tasks', '/tasks/7d0c2f4e', '/workers/celery@host'])('shows its pages at %s', async (path) => {
    const { status, headers, text } = await raw(path)
    expect([status, text]).toEqual([200, '<!doctype html><title>Lovage</title>'])
    expect(headers['cache-control']).toBe('no-cache')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe-inline')
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  it('lets browsers keep what is named by what is in it, packed', async () => {
    const { status, headers } = await raw('/assets/main-B1x2C3d4.js', { 'accept-encoding': 'gzip' })
    expect([status, headers['content-encoding']]).toEqual([200, 'gzip'])
    expect(headers['cache-control']).toContain('immutable')
    const again = await raw('/assets/main-B1x2C3d4.js', { 'if-none-match': String(headers['etag']) })
    expect([again.status, again.text]).toEqual([304, ''])
  })

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/..\\secret.txt',
    '//etc/passwd',
    '/assets/main-B1x2C3d4.js%00.html',
  ])('gives no file but those of the pages: %s', async (path) => {
    expect((await raw(path)).text).not.toMatch(/not for you|root:/)
  })

  it.each(['/assets/other.js', '/api/v1/nothing', '/api/nothing'])('has no %s', async (path) => {
    const { status, text } = await raw(path)
    expect([status, (JSON.parse(text) as { code: string }).code]).toEqual([404, 'ROUTE_UNKNOWN'])
  })

  it('answers under its own names only', async () => {
    expect((await raw('/', { host: 'evil.example.org' })).status).toBe(421)
    expect((await raw('/healthcheck', { host: 'evil.example.org' })).status).toBe(421)
    expect((await raw('/', { host: 'board.example.com' })).status).toBe(200)
  })

  it('refuses what is too long to be a request of its pages', async () => {
    expect((await raw(`/tasks?q=${'x'.repeat(9000)}`)).status).toBe(414)
  })

  it('does not begin twice, and ends twice', async () => {
    const other = dashboard(app, { port: 0, data: join(folder, 'other') }, { web: join(folder, 'web') })
    await Promise.all([other.start(), other.start()])
    await Promise.all([other.stop(), other.stop()])
    expect(other.url).toBeUndefined()
  })

  it('says that its port is taken', async () => {
    const port = Number(new URL(board.url ?? '').port)
    const other = dashboard(app, { port, data: join(folder, 'taken') })
    await expect(other.start()).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    await other.stop()
  })
})

it('says of an option what is wrong with it', () => {
  const app = lovage('shop', { broker: 'memory://' }, { env: {} })
  expect(() => dashboard(app, { prot: 5555 } as never)).toThrow('is unknown')
  expect(() => dashboard(app, { port: 70_000 })).toThrow(/port/)
})
