import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { describeWith } from '../services/available.ts'
import { freePort } from '../services/ports.ts'
import { removeFolder } from '../services/reaper.ts'
import { lovage, project, run } from './lovage.ts'

const folder = project({
  'tasks.js': `
    import { lovage } from 'lovage'
    export const app = lovage('shop', { broker: 'embedded://' })
  `,
  'web.js': `
    import { gateway } from 'lovage/gateway'
    import { app } from './tasks.js'
    export default gateway(app).get('/sum/:x', app.remote('sum')).handle('GET', '/now', () => 'here')
  `,
  'lovage.config.js': `export default { app: './tasks.js', processes: { web: { run: 'gateway', module: './web.js' } } }`,
})
afterAll(() => removeFolder(folder))

test('--openapi prints the routes as a document, and ends', async () => {
  const { code, text } = await run(['gateway', '--openapi'], { cwd: folder })
  expect(code).toBe(0)
  const { openapi, paths } = JSON.parse(text) as { openapi: string; paths: object }
  expect(openapi).toMatch(/^3\.1\./)
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/sum/{x}']))
}, 120_000)

test('--require-broker fails where there is none, and names it', async () => {
  const broker = `amqp://guest:secret@127.0.0.1:${await freePort()}/`
  const env = { LOVAGE_BROKER_URL: broker }
  const { code, text } = await run(['gateway', '--port', '0', '--require-broker'], { cwd: folder, env })
  expect(code).toBe(1)
  expect(text).toContain(new URL(broker).port)
  expect(text).not.toContain('secret')
}, 120_000)

test('--cert without --key is refused', async () => {
  const { code, text } = await run(['gateway', '--port', '0', '--cert', 'cert.pem'], { cwd: folder })
  expect(code).toBe(1)
  expect(text).toMatch(/tls.*must name two files/)
}, 120_000)

describeWith(['openssl'], 'with a certificate', () => {
  test('--cert and --key answer over HTTPS', async () => {
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=shop', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject], {
      stdio: 'ignore',
    })
    const options = ['--cert', 'cert.pem', '--key', 'key.pem', '--port', '0', '--log-format', 'json']
    const child = lovage(['gateway', ...options], { cwd: folder })
    onTestFinished(() => void child.kill())
    const { url } = JSON.parse(await child.line(/"listening"/, { timeoutMs: 60_000 })) as { url: string }
    const text = await new Promise<string>((resolve, reject) => {
      get(`${url}/now`, { ca: readFileSync(join(folder, 'cert.pem')), agent: false }, (response) => {
        response.setEncoding('utf8').once('data', resolve)
      }).once('error', reject)
    })
    expect(text).toBe('here')
    child.signal('SIGTERM')
    expect((await child.ended({ timeoutMs: 60_000 })).code).toBe(0)
  }, 200_000)
})
