import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { lovage, project, run } from './lovage.ts'

const FILES = {
  'tasks.ts': `import { currentTask, lovage } from 'lovage'
export const app = lovage('shop')
export const add = app.task('shop.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
export const echo = app.task('shop.echo', (...values: unknown[]) => values)
export const fail = app.task('shop.fail', () => { throw new TypeError('not like this') })
export const stuck = app.task('shop.stuck', { queue: 'stuck' }, () => 1)
`,
  'gateway.ts': `import { gateway } from 'lovage/gateway'
import { app, echo, fail } from './tasks.ts'
export default gateway(app, { exposeErrors: true })
  .post('/echo', echo, { reply: 'accept', args: ({ body }) => [body] })
  .post('/fail', fail, { reply: 'accept' })
`,
  'lovage.config.ts': `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { web: { run: 'gateway', module: './gateway.ts' }, worker: { run: 'worker' } },
})
`,
}

describeWith(['rabbitmq'], 'over RabbitMQ,', () => {
  let url: string
  let cwd: string
  let worker: Child
  let connection: ChannelModel
  let channel: ConfirmChannel
  const others: Child[] = []

  const shop = (...args: string[]): ReturnType<typeof run> => run(args, { cwd, env: { LOVAGE_BROKER_URL: url } })

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
    cwd = project(FILES)
    connection = await amqp.connect(url)
    worker = lovage(['worker', '-n', 'w1'], { cwd, env: { LOVAGE_BROKER_URL: url } })
    await worker.line('Ctrl-C stops it')
  })
  afterAll(async () => {
    await worker.kill()
    await connection.close()
  })
  beforeEach(async () => {
    channel = await connection.createConfirmChannel()
  })
  afterEach(async () => {
    await channel.close()
    await Promise.all(others.splice(0).map((child) => child.kill()))
  })

  it('lovage call prints the result as JSON', async () => {
    expect(await shop('call', 'shop.add', '2', '3')).toEqual({ code: 0, text: '5' })
    const values = ['1', '"two"', 'three', '{"four":[4]}', 'null', '12345678901234567890']
    const expected = '[1, "two", "three", {"four": [4]}, null, 12345678901234567890]'
    expect((await shop('call', 'shop.echo', ...values)).text).toBe(expected)
  })

  it('lovage call takes arguments as Celery does', async () => {
    expect((await shop('call', 'shop.add', '--args', '[2]', '--kwargs', '{"y": 5}')).text).toBe('7')
  })

  it('lovage call prints a failure with its type, and ends with exit code 3', async () => {
    const { code, text } = await shop('call', 'shop.fail')
    expect(text).toMatch(/^✗ shop\.fail\[[0-9a-f-]{36}\] FAILURE: TypeError: not like this/)
    expect(text).toContain('tasks.ts:5')
    expect(code).toBe(3)
  })

  it('lovage call says that nobody answers, and ends with exit code 4', async () => {
    await channel.assertExchange('nobody', 'direct', { durable: true })
    const { code, text } = await shop('call', 'shop.add', '1', '2', '--queue', 'nobody', '--timeout', '300ms')
    expect(text).toMatch(/✗ No result of task [0-9a-f-]{36} within 300 ms/)
    expect(text).toContain('lovage queues shows who reads')
    expect(code).toBe(4)
  })

  it('lovage call --no-wait prints the id', async () => {
    const { code, text } = await shop('call', 'shop.add', '1', '2', '--no-wait')
    expect(text).toMatch(/^[0-9a-f-]{36}$/)
    expect(code).toBe(0)
    await worker.line(`shop.add[${text}] done`)
  })

  it('lovage call needs no module where LOVAGE_BROKER_URL is set', async () => {
    expect(await run(['call', 'shop.add', '20', '3'], { env: { LOVAGE_BROKER_URL: url } })).toEqual({
      code: 0,
      text: '23',
    })
  })

  it('lovage call says that the arguments do not fit before anything is sent', async () => {
    const { code, text } = await shop('call', 'shop.add', '2')
    expect(text).toContain('ARGUMENTS_INVALID')
    expect(code).not.toBe(0)
  })

  it('lovage queues shows what waits, who reads, and dead letters', async () => {
    await shop('call', 'shop.stuck', '--no-wait')
    const { code, text } = await shop('queues')
    expect(text).toMatch(/^queue +waiting +for later +consumers/)
    expect(text).toMatch(/^celery +0 +\? +1$/m)
    expect(text).toMatch(/^stuck +1 +\? +0 +nobody reads it$/m)
    expect(code).toBe(0)
    expect((await shop('queues', 'celery', 'nowhere')).text).toMatch(/^nowhere +- +- +- +not there yet/m)
  })

  it('lovage purge drops what waits, and only with --yes', async () => {
    await channel.assertQueue('full', { durable: true })
    for (let nth = 0; nth < 3; nth++) channel.sendToQueue('full', Buffer.from('{}'))
    await channel.waitForConfirms()
    const asked = await shop('purge', 'full')
    expect(asked).toEqual({
      code: 1,
      text: '3 messages would be dropped from full, for ever\n  next: lovage purge full --yes',
    })
    expect((await channel.checkQueue('full')).messageCount).toBe(3)
    expect(await shop('purge', 'full', '--yes')).toEqual({
      code: 0,
      text: expect.stringMatching(/^3 messages dropped from full\n +What is for later is still to come/),
    })
    expect((await channel.checkQueue('full')).messageCount).toBe(0)
    expect((await shop('purge', 'nowhere', '--yes')).text).toContain('There is no queue nowhere')
  })

  it('lovage dead lists, shows, requeues and drops what could not be read', async () => {
    const send = (id: string, body: string): boolean =>
      channel.sendToQueue('celery', Buffer.from(body), {
        contentType: 'application/x-python-serialize',
        contentEncoding: 'binary',
        headers: { lang: 'py', task: 'shop.add', id },
        correlationId: id,
        persistent: true,
      })
    send('first', 'pickled\u001b[2J')
    await worker.line(/first\] FAILURE .*moved to the dead letters/)
    send('second', 'pickled too')
    await worker.line(/second\] FAILURE .*moved to the dead letters/)

    const listed = await shop('dead', 'list', 'celery')
    expect(listed.text).toMatch(/^first:CONTENT_REFUSED +shop\.add .*x-python-serialize/m)
    expect(listed.text).toMatch(/^second:CONTENT_REFUSED/m)
    expect((await shop('queues')).text).toMatch(/^celery\.dead +2 +\? +0 +lovage dead list celery$/m)

    const shown = await shop('dead', 'show', 'celery', 'first')
    expect(shown.text).toMatch(/^reason +CONTENT_REFUSED: /m)
    expect(shown.text).toMatch(/^header id +"first"$/m)
    expect(shown.text).toContain('pickled\\x1b[2J')

    expect((await shop('dead', 'drop', 'celery', 'first', 'third')).text).toMatch(
      /No dead letter third .*nothing was done/,
    )
    expect((await shop('dead', 'drop', 'celery', '--all')).code).toBe(2)
    expect((await shop('dead', 'drop', 'celery', 'first')).text).toBe('1 letter dropped')

    const then = worker.lines.length
    expect((await shop('dead', 'requeue', 'celery', '--all')).text).toBe('1 letter sent back to celery')
    // Nothing has changed about it, so it comes here again.
    await worker.line(/second\] FAILURE .*moved to the dead letters/, { from: then })
    expect((await shop('dead', 'drop', 'celery', '--all', '--yes')).text).toBe('1 letter dropped')
    expect(await shop('dead', 'list', 'celery')).toEqual({ code: 0, text: 'No dead letters of celery' })
  })

  it('lovage result asks the gateway for what it has sent', async () => {
    const port = await freePort()
    const gateway = lovage(['gateway', '--port', String(port)], { cwd, env: { LOVAGE_BROKER_URL: url } })
    others.push(gateway)
    await gateway.line('Ctrl-C stops it')
    const base = `http://127.0.0.1:${port}`
    const accepted = async (path: string, body: unknown): Promise<string> => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) })
      return ((await response.json()) as { id: string }).id
    }

    const id = await accepted('/echo', { deep: [1, 2] })
    await worker.line(`shop.echo[${id}] done`)
    expect(await shop('result', id, '--url', base)).toEqual({ code: 0, text: '[{"deep": [1, 2]}]' })

    const failed = await accepted('/fail', null)
    await worker.line(`shop.fail[${failed}] FAILURE`)
    const { code, text } = await shop('result', failed, '--url', base)
    expect(text).toContain('not like this')
    expect(code).toBe(3)

    const unknown = await shop('result', 'nobodys', '--url', base)
    expect(unknown.text).toContain('knows no task nobodys')
    expect(unknown.code).toBe(4)
  })

  it('lovage result says that no gateway is there', async () => {
    const { code, text } = await shop('result', 'x', '--url', `http://127.0.0.1:${await freePort()}`)
    expect(text).toMatch(/cannot be reached: .*ECONNREFUSED/)
    expect(code).toBe(1)
  })

  it('a worker that is stopped while it works ends its task first, and hurries when told twice', async () => {
    const slow = project({
      'tasks.ts': `import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage } from 'lovage'
export const app = lovage('slow', { defaultQueue: 'slow' })
export const nap = app.task('slow.nap', async (ms: number) => {
  console.log('naps for ' + ms)
  await sleep(ms, undefined, { signal: currentTask().signal })
  return 'rested'
})
`,
    })
    const env = { LOVAGE_BROKER_URL: url }
    const first = lovage(['worker', '-A', 'tasks.ts'], { cwd: slow, env })
    others.push(first)
    await first.line('Ctrl-C stops it')
    const call = lovage(['call', 'slow.nap', '500', '-A', 'tasks.ts'], { cwd: slow, env })
    others.push(call)
    await first.line('naps for 500')
    first.signal('SIGTERM')
    expect(await call.ended()).toEqual({ code: 0, signal: null })
    expect(call.lines).toEqual(['"rested"'])
    expect((await first.ended()).code).toBe(0)

    const second = lovage(['worker', '-A', 'tasks.ts'], { cwd: slow, env })
    others.push(second)
    await second.line('Ctrl-C stops it')
    const { text: id } = await run(['call', 'slow.nap', '60000', '-A', 'tasks.ts', '--no-wait'], { cwd: slow, env })
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    await second.line('naps for 60000')
    second.signal('SIGINT')
    await second.line('stopping: what runs is ended first')
    // Signals closer together than a keystroke count as one: npm passes on what the terminal has sent to all.
    while (!second.exit && !second.lines.some((line) => line.includes('stopping at once'))) {
      second.signal('SIGINT')
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await second.ended()).code).toBe(130)
    // The broker gives it back once it sees that its reader is gone.
    await expect.poll(async () => (await channel.checkQueue('slow')).messageCount).toBe(1)
  })
})

describe('on the embedded broker,', () => {
  it('lovage result reads what any process has stored', async () => {
    const cwd = project(FILES)
    const shop = (...args: string[]): ReturnType<typeof run> => run(args, { cwd })
    const worker = lovage(['worker', '-n', 'w1'], { cwd })
    try {
      await worker.line('Ctrl-C stops it')
      const { text: id } = await shop('call', 'shop.add', '2', '3', '--no-wait')
      await worker.line(`shop.add[${id}] done`)
      expect(await shop('result', id)).toEqual({ code: 0, text: '5' })

      const { text: failed } = await shop('call', 'shop.fail', '--no-wait')
      await worker.line(`shop.fail[${failed}] FAILURE`)
      const said = await shop('result', failed)
      expect(said.text).toContain('TypeError: not like this')
      expect(said.code).toBe(3)

      const unknown = await shop('result', 'nobodys')
      expect(unknown.text).toContain('embedded:// has no result of a task nobodys')
      expect(unknown.code).toBe(4)
    } finally {
      await worker.kill()
    }
  })
})
