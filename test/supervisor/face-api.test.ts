import { once } from 'node:events'
import { appendFile, truncate } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faceScene, RIGHT, type FaceScene } from './face-scene.ts'

const PROGRAMS = [
  '[program:cat]\ncommand=cat\nstartsecs=0\nstdout_logfile=%(here)s/cat.log\n',
  '[program:manual]\ncommand=cat\nautostart=false\nstartsecs=0\n',
  '[program:pool]\ncommand=cat\nstartsecs=0\nnumprocs=2\nprocess_name=pool_%(process_num)d\n',
].join('')
const FRESH = '[program:fresh]\ncommand=cat\nstartsecs=0\n'

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

interface Answer {
  readonly status: number | undefined
  readonly value: any
}

function client({ open }: FaceScene): {
  get(path: string): Promise<Answer>
  post(path: string, body?: unknown): Promise<Answer>
} {
  const ask = async (method: string, path: string, body?: string): Promise<Answer> => {
    const response = await open(`/api/v1/${path}`, { method, ...(body !== undefined && { body }) })
    const text = await textOf(response)
    return {
      status: response.statusCode,
      value: text.startsWith('{') || response.headers['content-type']?.includes('json') ? JSON.parse(text) : text,
    }
  }
  return {
    get: (path) => ask('GET', path),
    post: (path, body) =>
      ask('POST', path, body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)),
  }
}

interface Heard {
  readonly id: string
  readonly event: string
  readonly data: any
}

/** A stream of events; `next` is the first of those not taken yet that is so. */
async function listen(
  { open }: FaceScene,
  lastId?: string,
): Promise<{ next(is?: (heard: Heard) => boolean): Promise<Heard>; response: IncomingMessage }> {
  const headers = lastId === undefined ? RIGHT : { ...RIGHT, 'last-event-id': lastId }
  const response = await open('/api/v1/events', { headers })
  expect(response.headers['content-type']).toContain('text/event-stream')
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
  const next = async (is: (heard: Heard) => boolean = () => true): Promise<Heard> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end < 0) {
        await once(response, 'data')
        continue
      }
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
      const [id, event, data] = [field('id'), field('event'), field('data')]
      if (id === undefined || event === undefined || data === undefined) continue
      const heard = { id, event, data: JSON.parse(data) }
      if (is(heard)) return heard
    }
  }
  return { next, response }
}

test('tells how things are', async () => {
  const scene = await faceScene(PROGRAMS)
  await scene.until('cat', 'RUNNING')
  const { get } = client(scene)
  expect((await get('state')).value).toEqual({
    ...{ statecode: 1, statename: 'RUNNING', identification: 'supervisor', pid: process.pid },
    version: expect.stringMatching(/^4\.2\.5\+lovage\./) as string,
  })
  expect((await get('processes')).value).toEqual(
    scene.operator
      .getAllProcessInfo()
      .map((info) => ({ ...info, now: expect.any(Number) as number, description: expect.any(String) as string })),
  )
  expect((await get('processes/pool:pool_1')).value).toMatchObject({
    group: 'pool',
    name: 'pool_1',
    statename: 'RUNNING',
  })
  expect((await get('processes/pool%3Apool_1')).value).toMatchObject({ name: 'pool_1' })
  expect((await get('configuration')).value).toHaveLength(4)
  expect(await get('processes/nosuch')).toEqual({
    status: 404,
    value: { error: { fault: 'BAD_NAME', number: 10, message: 'BAD_NAME: nosuch', fix: expect.any(String) as string } },
  })
  expect((await get('nosuch')).status).toBe(404)
  expect((await get('processes/%')).status).toBe(400)
})

test('does what is asked by POST, process by process', async () => {
  const scene = await faceScene(PROGRAMS)
  const { get, post } = client(scene)
  const done = (name: string, group = name): unknown => ({ name, group, status: 80, description: 'OK' })
  const state = async (name: string): Promise<string> => (await get(`processes/${name}`)).value.statename
  expect(await post('processes/manual/start')).toEqual({ status: 200, value: [done('manual')] })
  expect(await state('manual')).toBe('RUNNING')
  expect(await post('processes/manual/start')).toMatchObject({
    status: 409,
    value: { error: { fault: 'ALREADY_STARTED' } },
  })
  const { pid } = (await get('processes/cat')).value
  expect(await post('processes/cat/restart')).toEqual({ status: 200, value: [done('cat')] })
  expect((await get('processes/cat')).value.pid).not.toBe(pid)
  expect((await post('processes/pool:*/restart', { wait: true })).value).toEqual([
    done('pool_0', 'pool'),
    done('pool_1', 'pool'),
  ])
  expect((await post('processes/pool:*/rolling-restart')).value).toEqual([
    done('pool_0', 'pool'),
    done('pool_1', 'pool'),
  ])
  expect((await post('processes/pool:pool_0/signal', { signal: 'CONT' })).value).toEqual([done('pool_0', 'pool')])
  expect((await post('processes/cat/stdin', { chars: 'hello\n' })).status).toBe(200)
  await expect.poll(async () => (await get('processes/cat/log/stdout')).value.text, { timeout: 60_000 }).toBe('hello\n')
  expect((await post('processes/cat/clear')).status).toBe(200)
  expect((await post('processes/pool:*/clear')).value).toHaveLength(2)
  expect((await get('processes/cat/log/stdout')).value.text).toBe('')
  expect((await post('processes/*/stop')).value).toHaveLength(4)
  expect(await state('cat')).toBe('STOPPED')
  expect((await post('processes/all/start')).value).toHaveLength(4)
  // What is no request.
  for (const [path, body, status] of [
    ['processes/cat/signal', undefined, 400],
    ['processes/cat/signal', { signal: 'NOPE' }, 400],
    ['processes/cat/stop', { wait: 'yes' }, 400],
    ['processes/cat/stop', { force: true, toString: true }, 400],
    ['processes/cat/stop', '[]', 400],
    ['processes/cat/stop', 'act=stop', 400],
    ['processes/cat/explode', undefined, 404],
    ['processes/cat/constructor', undefined, 404],
    ['processes/nosuch/stop', undefined, 404],
    ['processes/*/rolling-restart', undefined, 404],
  ] as const) {
    expect([path, (await post(path, body)).status]).toEqual([path, status])
  }
  expect(await state('cat')).toBe('RUNNING')
  const foreign = { ...RIGHT, origin: 'http://evil.example.com' }
  expect(await scene.status('/api/v1/processes/cat/stop', { method: 'POST', headers: foreign })).toBe(403)
  expect(await state('cat')).toBe('RUNNING')
})

test('takes a changed configuration over', async () => {
  const scene = await faceScene(PROGRAMS)
  const { get, post } = client(scene)
  scene.write(`${PROGRAMS.replace('numprocs=2', 'numprocs=1').replace(/\[program:manual\][^[]*/, '')}${FRESH}`)
  const changes = { added: ['fresh'], changed: ['pool'], removed: ['manual'] }
  expect((await post('reread')).value).toEqual(changes)
  expect((await get('processes')).value).toHaveLength(4)
  expect((await post('update')).value).toEqual({ ...changes, failed: [] })
  const names = ((await get('processes')).value as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual(['cat', 'fresh', 'pool_0'])
  expect((await post('groups/fresh/remove')).value.error.fault).toBe('STILL_RUNNING')
  await post('processes/fresh/stop')
  expect((await post('groups/fresh/remove')).value).toBe(true)
  expect((await post('groups/fresh/add')).value).toBe(true)
  scene.write('[program:cat]\n')
  expect((await post('update')).value.error).toMatchObject({ fault: 'CANT_REREAD' })
})

test('tells changes as they come, and to who comes again those that it has missed', async () => {
  const scene = await faceScene(PROGRAMS)
  const { post } = client(scene)
  await scene.until('cat', 'RUNNING')
  const first = await listen(scene)
  const all = await first.next()
  expect([all.event, all.data.state.statename, all.data.processes.length]).toEqual(['processes', 'RUNNING', 4])
  await post('processes/manual/start')
  const started = await first.next(({ data }) => data.to === 'RUNNING')
  expect(started).toMatchObject({
    event: 'process',
    data: {
      name: 'manual',
      group: 'manual',
      from: 'STARTING',
      atMs: expect.any(Number) as number,
      info: { statename: 'RUNNING' },
    },
  })
  first.response.destroy()
  await post('processes/manual/stop')
  const again = await listen(scene, started.id)
  expect([(await again.next()).data.to, (await again.next()).data.to]).toEqual(['STOPPING', 'STOPPED'])
  for (const unknown of ['', 'x', `${started.id}9`, started.id.replace(/^./, (c) => (c === 'a' ? 'b' : 'a'))]) {
    const anew = await listen(scene, unknown)
    expect([unknown, (await anew.next()).event]).toEqual([unknown, 'processes'])
    anew.response.destroy()
  }
  scene.write(PROGRAMS + FRESH)
  await post('update')
  const more = await again.next(({ event }) => event === 'processes')
  expect(more.data.processes.map(({ name }: { name: string }) => name)).toContain('fresh')
  const ended = once(again.response.resume(), 'close')
  await post('shutdown')
  expect((await again.next(({ event }) => event === 'supervisor')).data.statename).toBe('SHUTDOWN')
  await scene.faces.stop()
  await ended
})

test('keeps the last thousand changes, and no more', async () => {
  const scene = await faceScene(PROGRAMS)
  const { post } = client(scene)
  const first = await listen(scene)
  const { id } = await first.next()
  first.response.destroy()
  // Three changes each.
  for (let i = 0; i < 170; i++) await post('processes/pool:*/restart')
  const again = await listen(scene, id)
  expect((await again.next()).event).toBe('processes')
})

test('shows what has come to a log since, and goes on with it as it grows', async () => {
  const scene = await faceScene(PROGRAMS)
  const { get } = client(scene)
  const file = join(scene.folder, 'cat.log')
  const tail = async (query = ''): Promise<unknown> => (await get(`processes/cat/log/stdout${query}`)).value
  await appendFile(file, 'one\nzwei ü\n')
  expect(await tail()).toEqual({ text: 'one\nzwei ü\n', offset: 12, overflow: false })
  expect(await tail('?offset=4')).toEqual({ text: 'zwei ü\n', offset: 12, overflow: false })
  expect(await tail('?offset=12')).toEqual({ text: '', offset: 12, overflow: false })
  expect(await tail('?offset=0&length=3')).toEqual({ text: 'ü\n', offset: 12, overflow: true })
  expect((await get('processes/cat/log/stdout?offset=x')).status).toBe(400)
  expect((await get('processes/cat/log/stdin')).status).toBe(404)
  await expect.poll(async () => (await get('log')).value).toContain("INFO spawned: 'cat'")
  const stream = await scene.open('/api/v1/processes/cat/log/stdout/stream?offset=4')
  let text = ''
  stream.on('data', (chunk: Buffer) => void (text += chunk.toString()))
  await appendFile(file, 'three\n')
  await expect.poll(() => text, { timeout: 60_000 }).toBe('zwei ü\nthree\n')
  await truncate(file)
  await appendFile(file, 'new\n')
  expect(await tail('?offset=18')).toEqual({ text: 'new\n', offset: 4, overflow: false })
  expect(await scene.status('/api/v1/processes/nosuch/log/stdout/stream')).toBe(404)
})
