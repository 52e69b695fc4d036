import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { faceScene, RIGHT, type FaceScene } from './face-scene.ts'

const EVIL = `<img src=x onerror=alert(1)>"'&`
const PROGRAMS = [
  '[program:cat]\ncommand=cat\nstartsecs=0\nstdout_logfile=%(here)s/cat.log\n',
  '[program:<b>bold</b>]\ncommand=/no/<i>such\nautostart=false\n'.replace('</b>', '<b>'),
  '[program:slow]\ncommand=cat\nautostart=false\nstartsecs=3600\n',
].join('')

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

const ORIGIN = { ...RIGHT, host: 'localhost:9001', origin: 'http://localhost:9001' }

async function press(
  { open }: FaceScene,
  fields: Record<string, string>,
  headers: Record<string, string> = ORIGIN,
): Promise<{ status: number | undefined; location: string | undefined; text: string }> {
  const body = new URLSearchParams(fields).toString()
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await open('/act', { method: 'POST', headers: { ...type, ...headers }, body })
  return { status: response.statusCode, location: response.headers.location, text: await textOf(response) }
}

test('shows all processes and what can be done with them, with nothing from elsewhere', async () => {
  const scene = await faceScene(PROGRAMS)
  await scene.until('cat', 'RUNNING')
  const response = await scene.open('/')
  const text = await textOf(response)
  expect(text).toContain('<th scope="row">cat</th>')
  expect(text).toMatch(/<span class="state running">RUNNING<\/span>[^]*uptime/)
  expect(text).toContain('value="start"')
  expect(text).not.toMatch(/(?:src|href|action)="(?!\/|data:,)/)
  expect(text).not.toMatch(/<script(?! src="\/page\.js" defer>)|style=| on\w+=/)
  expect(response.headers['content-security-policy']).toMatch(
    /^default-src 'none'; style-src 'self'; script-src 'self';/,
  )
  expect(response.headers['cache-control']).toBe('no-store')
  for (const [path, type] of [
    ['/page.css', 'text/css'],
    ['/page.js', 'text/javascript'],
  ] as const) {
    expect((await scene.open(path)).headers['content-type']).toContain(type)
  }
})

test('lets nothing that a name, a log or an address says become a part of the page', async () => {
  const scene = await faceScene(PROGRAMS)
  writeFileSync(join(scene.folder, 'cat.log'), `${EVIL}\n`)
  const home = await textOf(await scene.open(`/?did=clear&of=${encodeURIComponent(EVIL)}`))
  expect(home).toContain('&lt;b&gt;bold&lt;b&gt;')
  expect(home).not.toContain('<b>')
  expect(home).not.toContain('onerror')
  const said = await textOf(await scene.open('/?did=<b>&of=cat'))
  expect(said).not.toContain('class="notice')
  expect(await textOf(await scene.open('/?did=clear&of=cat'))).toContain('cat: log cleared')
  const tail = await textOf(await scene.open('/tail/cat/stdout'))
  expect(tail).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;')
  expect(tail).not.toContain('<img')
  const failed = await press(scene, { act: 'start', name: '<b>bold<b>' })
  expect(failed.status).toBe(409)
  expect(failed.text).toContain('NO_FILE')
  expect(failed.text).not.toMatch(/<b>|<i>/)
  const nosuch = await press(scene, { act: 'start', name: EVIL })
  expect([nosuch.status, nosuch.text.includes('<img')]).toEqual([409, false])
})

test('does what its buttons say, for pages of its own alone', async () => {
  const scene = await faceScene(PROGRAMS)
  await scene.until('cat', 'RUNNING')
  const state = (name: string): string => scene.operator.getProcessInfo(name).statename
  for (const headers of [
    RIGHT,
    { ...RIGHT, 'sec-fetch-site': 'cross-site' },
    { ...ORIGIN, origin: 'null' },
    { ...ORIGIN, origin: 'http://localhost:9002' },
    { ...RIGHT, 'sec-fetch-site': 'none' },
  ]) {
    expect((await press(scene, { act: 'stop', name: 'cat' }, headers)).status).toBe(403)
  }
  expect((await press(scene, { act: 'stop', name: 'cat' }, { host: ORIGIN.host, origin: ORIGIN.origin })).status).toBe(
    401,
  )
  expect(state('cat')).toBe('RUNNING')
  expect(await press(scene, { act: 'stop', name: 'cat' })).toMatchObject({ status: 303, location: '/?did=stop&of=cat' })
  expect(state('cat')).toBe('STOPPED')
  expect((await press(scene, { act: 'stop', name: 'cat' })).text).toContain('cat: NOT_RUNNING: cat')
  const samesite = { ...RIGHT, 'sec-fetch-site': 'same-origin' }
  expect((await press(scene, { act: 'start', name: 'cat' }, samesite)).status).toBe(303)
  expect(state('cat')).toBe('RUNNING')
  const { pid } = scene.operator.getProcessInfo('cat')
  expect((await press(scene, { act: 'restart', name: 'cat' })).status).toBe(303)
  expect(scene.operator.getProcessInfo('cat').pid).not.toBe(pid)
  expect((await press(scene, { act: 'clear', name: 'cat' })).location).toBe('/?did=clear&of=cat')
  expect((await press(scene, { act: 'stop' })).location).toBe('/?did=stop')
  expect(state('cat')).toBe('STOPPED')
  // One that takes its time is not waited for.
  expect((await press(scene, { act: 'start', name: 'slow' })).location).toBe('/?did=start&of=slow&on=')
  expect(await textOf(await scene.open('/?did=start&of=slow&on='))).toContain('slow: start goes on')
  scene.write(`${PROGRAMS}[program:fresh]\ncommand=cat\nstartsecs=0\n`)
  expect((await press(scene, { act: 'reread' })).text).toContain('new: fresh')
  expect((await press(scene, { act: 'update' })).text).toContain('added: fresh')
  expect((await press(scene, { act: 'update' })).text).toContain('has not changed')
  for (const act of ['', 'stdin', 'signal', 'shutdown', 'constructor']) {
    expect((await press(scene, { act, name: 'cat' })).status).toBe(400)
  }
})
