import { once } from 'node:events'
import { appendFile, truncate } from 'node:fs/promises'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { HttpFaces } from '../../src/supervisor/http-faces.ts'
import { writeCall } from '../../src/supervisor/xml-rpc.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { faceScene, RIGHT } from './face-scene.ts'

const PATHS = [
  '/RPC2',
  '/ok.html',
  '/mainlogtail',
  '/logtail/cat',
  '/logtail/cat/stderr',
  '/',
  '/tail',
  '/tail/cat/stdout',
  '/page.css',
  '/page.js',
  '/api/v1/state',
  '/api/v1/processes',
  '/api/v1/events',
  '/nosuch',
] as const

test('refuses everything without the right password', async () => {
  const { status, operator } = await faceScene()
  const body = writeCall('supervisor.stopProcess', ['cat'])
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  const wrong = [undefined, 'Basic', 'Bearer s3:cret', basic('admin'), basic('admin:'), basic('admin:s3'), basic(':')]
  for (const authorization of [...wrong, basic('root:s3:cret'), basic('admin:s3:cret '), 'Basic YWRtaW46===!']) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    for (const over of ['tcp', 'socket'] as const) {
      for (const path of PATHS) expect(await status(path, { headers, over })).toBe(401)
      expect(await status('/RPC2', { method: 'POST', headers, body, over })).toBe(401)
    }
  }
  expect(await status('/RPC2', { method: 'POST', body })).toBe(200)
  expect(operator.getProcessInfo('cat').statename).toBe('STOPPED')
})

test('changes nothing by GET', async () => {
  const { status, seen } = await faceScene()
  const before = [...seen]
  for (const path of PATHS) await status(path)
  for (const action of ['stop', 'restart', 'clearlog']) {
    expect(await status(`/index.html?processname=cat&action=${action}`)).toBe(200)
    expect(await status(`/act?name=cat&act=${action}`)).toBe(404)
    expect(await status(`/api/v1/processes/cat/${action}`)).toBe(404)
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const body = method === 'GET' ? undefined : writeCall('supervisor.stopProcess', ['cat'])
    const code = await status('/RPC2', { method, ...(body === undefined ? {} : { body }) })
    expect([400, 404]).toContain(code)
  }
  expect(seen).toEqual(before)
})

test('refuses names that are not of this machine, and pages of other origins', async () => {
  const { status } = await faceScene(undefined, 'allowed_hosts=web.example.com, other\n')
  const host = (name: string): Promise<number | undefined> => status('/ok.html', { headers: { ...RIGHT, host: name } })
  for (const name of [
    'evil.example.com',
    'localhost.evil.com:9001',
    '127.0.0.1.evil.com',
    'a b',
    '[::1',
    'x@127.0.0.1',
  ]) {
    expect([name, await host(name)]).toEqual([name, 421])
  }
  for (const name of ['localhost', 'LOCALHOST:9001', '127.0.0.1:1', '[::1]:9001', 'web.example.com:80', 'other', '']) {
    expect([name, await host(name)]).toEqual([name, 200])
  }
  for (const over of ['tcp', 'socket'] as const) {
    const from = (origin: string): Promise<number | undefined> =>
      status('/ok.html', { over, headers: { ...RIGHT, host: 'localhost:9001', origin } })
    expect(await from('http://localhost:9001')).toBe(200)
    for (const origin of ['http://evil.com', 'http://localhost', 'null', 'http://localhost:9001.evil.com']) {
      expect(await from(origin)).toBe(403)
    }
  }
})

test('refuses what is no call, or too much', async () => {
  const { status } = await faceScene()
  const post = (body: string): Promise<number | undefined> => status('/RPC2', { method: 'POST', body })
  expect(await post('hello')).toBe(400)
  expect(await post('')).toBe(400)
  expect(await post("<?xml version='1.0'?><methodCall></methodCall>")).toBe(400)
  const entities = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
  expect(await post(`${entities}<methodCall><methodName>&b;</methodName></methodCall>`)).toBe(400)
  const headers = { ...RIGHT, 'content-length': String(2 ** 23) }
  expect(await status('/RPC2', { method: 'POST', headers, body: ' ' })).toBe(413)
  expect(await status('/logtail/nosuch')).toBe(404)
  expect(await status('/logtail/cat/stdin')).toBe(404)
  expect(await status('/logtail/cat/stdout/more')).toBe(404)
})

test('follows a log of which 50 MB come with flat memory, however slowly it is read', async () => {
  const { open, folder } = await faceScene(`[program:cat]\ncommand=cat\nstartsecs=0\nstdout_logfile=%(here)s/cat.log\n`)
  const megabyte = Buffer.alloc(2 ** 20, 'x\n')
  const response = await open('/logtail/cat')
  expect(response.headers).toMatchObject({ 'x-accel-buffering': 'no', 'content-type': 'text/plain;charset=utf-8' })
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What the first frees in the background the second counts as gone.
  const held = (): number => (collect(), collect(), process.memoryUsage().arrayBuffers / 2 ** 20)
  const before = held()
  // Nobody reads yet: it has to wait in the file.
  for (let i = 0; i < 50; i++) await appendFile(join(folder, 'cat.log'), megabyte)
  let most = held()
  let got = 0
  for await (const chunk of response) {
    const isNext = Math.floor(got / 2 ** 22) < Math.floor((got += (chunk as Buffer).length) / 2 ** 22)
    if (isNext) most = Math.max(most, held())
    if (got >= 50 * 2 ** 20) break
  }
  expect(got).toBe(50 * 2 ** 20)
  expect(most - before).toBeLessThan(25)
})

test('follows a log into its next file, and says when it was emptied', async () => {
  const rotating = 'command=cat\nstartsecs=0\nstdout_logfile=%(here)s/cat.log\nstdout_logfile_maxbytes=1000\n'
  const { open, operator, folder } = await faceScene(`[program:cat]\n${rotating}stdout_logfile_backups=2\n`)
  const response = await open('/logtail/cat/stdout')
  let text = ''
  response.on('data', (chunk: Buffer) => void (text += chunk.toString()))
  const line = (i: number): string => `${String(i).padStart(99, '.')}\n`
  for (let i = 0; i < 15; i++) {
    await operator.sendProcessStdin('cat', line(i))
    await expect.poll(() => text, { timeout: 60_000 }).toContain(line(i))
  }
  await truncate(join(folder, 'cat.log'))
  await expect.poll(() => text, { timeout: 60_000 }).toContain('==> File truncated <==\n')
  const lines = text.split('\n').filter((each) => each.startsWith('.'))
  expect(lines).toEqual(Array.from({ length: 15 }, (_, i) => line(i).trim()))
})

test('ends the logs that are followed when it stops, and cuts off who sends no end', async () => {
  const { open, faces, socket } = await faceScene()
  const response = await open('/mainlogtail')
  const ended = once(response.resume(), 'end')
  const slow = connect(socket)
  const closed = once(slow, 'close')
  slow.on('error', () => {}).write('POST /RPC2 HTTP/1.1\r\nHost: localhost\r\n')
  await once(slow, 'connect')
  await faces.stop()
  await ended
  await closed
  expect(existsSync(socket)).toBe(false)
})

test('listens on a socket with its mode, in place of one that was left, but not of anything else', async () => {
  const { socket, supervisor, operator } = await faceScene()
  expect(statSync(socket).mode & 0o777).toBe(0o700)
  const again = new HttpFaces(supervisor.config.servers, operator)
  await expect(again.start()).rejects.toMatchObject({ code: 'SUPERVISOR_CANNOT_LISTEN' })
  const file = join(temporaryFolder('face'), 'file')
  writeFileSync(file, 'precious')
  const [unix] = supervisor.config.servers.filter(({ kind }) => kind === 'unix')
  const there = new HttpFaces([{ ...unix, file } as never], operator)
  await expect(there.start()).rejects.toThrow(/it is no socket/)
  expect(readFileSync(file, 'utf8')).toBe('precious')
})
