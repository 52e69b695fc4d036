import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import amqp from 'amqplib'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../services/ports.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { project, run } from './lovage.ts'

const TASKS = `import { lovage } from 'lovage'
export const app = lovage('shop')
export const add = app.task('shop.add', (x: number, y: number) => x + y)
`
const GATEWAY = `import { gateway } from 'lovage/gateway'
import { add, app } from './tasks.ts'
export default gateway(app).get('/add', add, { args: () => [1, 2] })
`
const CONFIG = `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { web: { run: 'gateway', module: './gateway.ts' }, worker: { run: 'worker' } },
})
`
const SHOP = { 'tasks.ts': TASKS, 'gateway.ts': GATEWAY, 'lovage.config.ts': CONFIG }

describe('lovage doctor', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  it('finds nothing wrong with a project on the embedded broker', async () => {
    const port = await freePort()
    const { code, text } = await run(['doctor', '--port', String(port)], { cwd: project(SHOP) })
    expect(text).toMatch(/✓ +node +v\d+/)
    expect(text).toMatch(/✓ +configuration +lovage\.config\.ts/)
    expect(text).toMatch(/✓ +modules +tasks\.ts, gateway\.ts/)
    expect(text).toMatch(/✓ +tasks +1: shop\.add/)
    expect(text).toMatch(/✓ +broker setting +embedded:\/\/ \(the default\)/)
    expect(text).toMatch(/✓ +broker +reachable, a message makes its way in .*, data in \.lovage/)
    expect(text).toMatch(/✓ +store +embedded:\/\/ answers/)
    expect(text).toMatch(new RegExp(`✓ +port ${port} +free`))
    expect(text).toContain('Nothing is wrong.')
    expect(text).not.toContain('✗')
    expect(code).toBe(0)
  })

  it('says that there is no configuration, and what to write', async () => {
    const { code, text } = await run(['doctor'])
    expect(text).toMatch(/✗ +configuration +No configuration found/)
    expect(text).toContain('Write a lovage.config.ts')
    expect(text).toMatch(/^- +broker/m)
    expect(code).toBe(1)
  })

  it('places the error of a module that throws', async () => {
    const cwd = project({ ...SHOP, 'tasks.ts': `${TASKS}\nthrow new Error('no luck today')\n` })
    const { code, text } = await run(['doctor'], { cwd })
    expect(text).toMatch(/✗ +modules +Module .*no luck today/)
    expect(text).toMatch(/-> Mend the module at .*tasks\.ts:5/)
    expect(code).toBe(1)
  })

  it('blames the environment, and not a module, for a setting that stands there', async () => {
    const env = { LOVAGE_BROKER_URL: 'localhost:5672' }
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], { cwd: project(SHOP), env })
    expect(text).toMatch(
      /✗ +modules +Setting LOVAGE_BROKER_URL \(from environment\) is not a URL\n +-> Write a URL like/,
    )
    expect(text).not.toContain('Mend the module')
    expect(code).toBe(1)
  })

  it('says that no task is registered', async () => {
    const cwd = project({ 'tasks.ts': "import { lovage } from 'lovage'\nexport const app = lovage('shop')\n" })
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], { cwd })
    expect(text).toMatch(/✗ +tasks +none is registered/)
    expect(code).toBe(1)
  })

  it('says that the broker cannot be reached, without its password', async () => {
    const port = await freePort()
    const env = { LOVAGE_BROKER_URL: `amqp://shop:s3cret@127.0.0.1:${port}/` }
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], { cwd: project(SHOP), env })
    expect(text).toMatch(/✓ +broker setting +amqp:\/\/shop:.*\(from LOVAGE_BROKER_URL\)/)
    expect(text).toMatch(/✗ +broker +.*cannot be reached/)
    expect(text).toContain('BROKER_UNREACHABLE')
    expect(text).toMatch(/^- +results/m)
    expect(text).not.toContain('s3cret')
    expect(code).toBe(1)
  })

  it('says that something else has the port', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('no http here'))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { code, text } = await run(['doctor', '--port', String(port)], { cwd: project(SHOP) })
    expect(text).toMatch(new RegExp(`✗ +port ${port} +taken`))
    expect(text).toMatch(/-> .*--port, LOVAGE_PORT/)
    expect(code).toBe(1)
  })
})

describeWith(['rabbitmq'], 'lovage doctor, over RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  it('finds nothing wrong with a broker that answers', async () => {
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], {
      cwd: project(SHOP),
      env: { LOVAGE_BROKER_URL: url },
    })
    expect(text).toMatch(/✓ +broker +reachable/)
    expect(text).toMatch(/✓ +results +can be received/)
    expect(text).toMatch(/✓ +queue celery/)
    expect(code).toBe(0)
  })

  it('says that results in memory never leave the process of their worker', async () => {
    const env = { LOVAGE_BROKER_URL: url, LOVAGE_RESULT_BACKEND: 'memory://here' }
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], { cwd: project(SHOP), env })
    expect(text).toMatch(/✗ +results +in memory: .*never arrives\n +-> Set LOVAGE_RESULT_BACKEND.*rpc:/)
    expect(code).toBe(1)
  })

  it('says that the password is wrong, without telling it', async () => {
    const wrong = new URL(url)
    wrong.password = 'n0t-this-one'
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], {
      cwd: project(SHOP),
      env: { LOVAGE_BROKER_URL: wrong.href },
    })
    expect(text).toMatch(/✗ +broker +.*refused us/)
    expect(text).toMatch(/-> Check user, password and virtual host/)
    expect(text).not.toContain('n0t-this-one')
    expect(code).toBe(1)
  })

  it('finds messages that nobody reads, and dead letters', async () => {
    const connection = await amqp.connect(url)
    const channel = await connection.createConfirmChannel()
    for (const queue of ['unread', 'unread.dead']) {
      await channel.assertQueue(queue, { durable: true })
      channel.sendToQueue(queue, Buffer.from('{}'))
    }
    await channel.waitForConfirms()
    await connection.close()
    const tasks = TASKS.replace("'shop.add',", "'shop.add', { queue: 'unread' },")
    const { code, text } = await run(['doctor', '-A', 'tasks.ts'], {
      cwd: project({ 'tasks.ts': tasks }),
      env: { LOVAGE_BROKER_URL: url },
    })
    expect(text).toMatch(
      /✗ +queue unread +1 waiting, 0 consumers: nobody reads it\n +-> Start a worker: lovage worker -Q unread/,
    )
    expect(text).toMatch(/✗ +dead letters of unread +1\n +-> lovage dead list unread/)
    expect(code).toBe(1)
  })
})
