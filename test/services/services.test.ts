import { existsSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import amqp from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { describeWith } from './available.ts'
import { runChild, startChild } from './child.ts'
import { claimPort, freePorts } from './ports.ts'
import { startScript } from './python.ts'
import { brokerUrl, RabbitmqNode, redisUrl } from './rabbitmq.ts'
import { temporaryFolder } from './reaper.ts'
import { TcpProxy } from './tcp-proxy.ts'

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

describeWith(['rabbitmq'], 'the RabbitMQ of the run', () => {
  it('gives this file a virtual host of its own', async () => {
    const url = await brokerUrl(import.meta.url)
    expect(url).toMatch(/\/services\.services\.test$/)
    expect(await brokerUrl(import.meta.url)).toBe(url)
    const connection = await amqp.connect(url)
    const channel = await connection.createConfirmChannel()
    const { queue } = await channel.assertQueue('here', { durable: true })
    channel.sendToQueue(queue, Buffer.from('1'))
    await channel.waitForConfirms()
    expect((await channel.checkQueue(queue)).messageCount).toBe(1)
    await connection.close()
  })
})

describeWith(['rabbitmq'], 'a private RabbitMQ', () => {
  let node: RabbitmqNode

  beforeAll(async () => {
    node = await RabbitmqNode.start({ vhosts: ['shop'], config: ['consumer_timeout = 60000'] })
  })
  afterAll(async () => {
    await node.remove()
    expect(existsSync(node.folder)).toBe(false)
  })

  it('keeps durable messages over a kill -9 and a start on the same port', async () => {
    const before = await amqp.connect(node.url('shop'))
    before.on('error', () => {})
    const channel = await before.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertQueue('kept', { durable: true })
    channel.sendToQueue('kept', Buffer.from('1'), { persistent: true })
    await channel.waitForConfirms()
    // A confirmed message is on disk; that its queue was declared is in a log that is written a little later.
    await node.ctl('eval', 'ok = mnesia:sync_log().')
    const lost = new Promise((resolve) => before.once('close', resolve))
    await node.kill()
    await lost
    await node.start()
    const after = await amqp.connect(node.url('shop'))
    const look = await after.createChannel()
    look.on('error', () => {})
    expect((await look.checkQueue('kept')).messageCount).toBe(1)
    await after.close()
  })

  it('raises and lifts the memory alarm', async () => {
    const connection = await amqp.connect(node.url('shop'))
    const blocked = new Promise((resolve) => connection.once('blocked', resolve))
    const unblocked = new Promise((resolve) => connection.once('unblocked', () => resolve('unblocked')))
    const channel = await connection.createChannel()
    await node.memoryAlarm(true)
    channel.sendToQueue('kept', Buffer.from('2'))
    expect(await blocked).toMatch(/low on memory/)
    await node.memoryAlarm(false)
    expect(await unblocked).toBe('unblocked')
    await connection.close()
  })
})

describeWith(['redis'], 'the Redis of the run', () => {
  it('answers', async () => {
    const { port } = new URL(await redisUrl())
    const socket = connect(Number(port), '127.0.0.1', () => socket.write('SET services:test 1\r\n'))
    const reply = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    expect(reply.toString()).toBe('+OK\r\n')
    socket.destroy()
  })
})

describe('the proxy', () => {
  let echo: Server
  let proxy: TcpProxy
  const served = new Set<Socket>()

  beforeAll(async () => {
    echo = createServer((socket) => {
      served.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => served.delete(socket))
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
    proxy = await TcpProxy.start({ port: (echo.address() as AddressInfo).port })
  })
  afterEach(() => {
    proxy.cut()
    proxy.mode = 'open'
    proxy.bytesPerSecond = Infinity
  })
  afterAll(async () => {
    await proxy.stop()
    for (const socket of served) socket.destroy()
    echo.close()
  })

  const dial = async (): Promise<Socket> => {
    const number = proxy.connected + 1
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    await proxy.connectionNumber(number)
    return socket
  }
  const answer = (socket: Socket): Promise<string> =>
    new Promise((resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk.toString())))

  it('passes bytes both ways', async () => {
    const socket = await dial()
    socket.write('hello')
    expect(await answer(socket)).toBe('hello')
  })

  it('cuts', async () => {
    const socket = await dial()
    const end = closed(socket)
    proxy.cut()
    await end
    expect(proxy.connections).toBe(0)
  })

  it('swallows what is sent into a black hole, and keeps the connection', async () => {
    const socket = await dial()
    const heard: string[] = []
    socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
    proxy.mode = 'black-hole'
    socket.write('lost')
    const other = await dial()
    other.write('lost too')
    await new Promise<void>((resolve) => socket.write('', () => resolve()))
    proxy.mode = 'open'
    // The lost bytes are gone for good: what comes back first is what was sent after.
    const next = answer(other)
    other.write('found')
    expect(await next).toMatch(/found$/)
    expect(heard).toEqual([])
  })

  it('leaves a half-open socket that hears nothing', async () => {
    const socket = await dial()
    const [upstream] = [...served]
    const gone = closed(upstream as Socket)
    proxy.halfOpen()
    await gone
    expect(socket.destroyed).toBe(false)
    expect(socket.readable).toBe(true)
  })

  it('stalls, then passes what waited', async () => {
    const socket = await dial()
    proxy.mode = 'stalled'
    socket.write('late')
    const reply = answer(socket)
    proxy.mode = 'open'
    expect(await reply).toBe('late')
  })

  it('refuses', async () => {
    proxy.mode = 'refusing'
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    await closed(socket)
    expect(proxy.connections).toBe(0)
  })

  it('slows down', async () => {
    const socket = await dial()
    proxy.bytesPerSecond = 1_000
    const from = performance.now()
    socket.write(Buffer.alloc(50))
    await answer(socket)
    // There and back, 50 bytes each way at 1,000 bytes a second.
    expect(performance.now() - from).toBeGreaterThan(90)
  })

  it('lets its process end, also where it cuts a connection whose end it is just passing on', async () => {
    const script = ['scripts/run-ts.mjs', 'test/services/cut-process.ts']
    const child = startChild(process.execPath, script, { cwd: join(import.meta.dirname, '../..') })
    try {
      await child.line('cut', { timeoutMs: 60_000 })
      expect((await child.ended()).code).toBe(0)
    } finally {
      await child.kill()
    }
  })
})

describe('a child process', () => {
  it('has its lines awaited, whether they came already or come later', async () => {
    const child = startChild(process.execPath, [
      '-e',
      "process.stdin.once('data', (d) => { console.error('heard ' + d); process.exit(3) }); console.log('ready')",
    ])
    expect(await child.line(/^ready$/)).toBe('ready')
    expect(await child.line('ready')).toBe('ready')
    child.write('you\n')
    expect(await child.line('heard')).toBe('heard you')
    expect(await child.ended()).toEqual({ code: 3, signal: null })
  })

  it('fails a wait whose line never comes, and shows what it said instead', async () => {
    const child = startChild(process.execPath, ['-e', "console.log('something else')"])
    await expect(child.line('ready')).rejects.toThrow(/it ended \(code 0, signal null\)[^]*something else/)
    const idle = startChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await expect(idle.line('ready', { timeoutMs: 50 })).rejects.toThrow('50 ms passed')
    expect(await idle.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('says when the command does not exist', async () => {
    await expect(runChild('/no/such/command')).rejects.toThrow('ENOENT')
  })

  it('ends with the test process, even when that is killed, and so do its folders', async () => {
    const script = `
      const jiti = (await import('jiti')).createJiti(process.cwd())
      const { startChild } = await jiti.import(${JSON.stringify(join(import.meta.dirname, 'child.ts'))})
      const { temporaryFolder } = await jiti.import(${JSON.stringify(join(import.meta.dirname, 'reaper.ts'))})
      const child = startChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      console.log('started', child.pid, temporaryFolder('reaped'))`
    const parent = startChild(process.execPath, ['--input-type=module', '-e', script])
    const [, pid, folder] = (await parent.line(/^started/)).split(' ') as [string, string, string]
    expect(isAlive(Number(pid))).toBe(true)
    expect(existsSync(folder)).toBe(true)
    parent.signal('SIGKILL')
    await parent.ended()
    await expect.poll(() => isAlive(Number(pid)), { timeout: 60_000 }).toBe(false)
    await expect.poll(() => existsSync(folder), { timeout: 60_000 }).toBe(false)
  })

  it('may be given folders, which are new and empty', () => {
    expect(existsSync(join(temporaryFolder('one'), 'x'))).toBe(false)
  })
})

describe('free ports', () => {
  it('are all different', async () => {
    expect(new Set(await freePorts(20)).size).toBe(20)
  })

  it.runIf(process.platform === 'linux')(
    'are given to one process at a time, though nothing is bound yet',
    async () => {
      const script = `
      const jiti = (await import('jiti')).createJiti(process.cwd())
      const { freePort } = await jiti.import(${JSON.stringify(join(import.meta.dirname, 'ports.ts'))})
      console.log('port', await freePort())
      setInterval(() => {}, 1_000)`
      const other = startChild(process.execPath, ['--input-type=module', '-e', script])
      const port = Number((await other.line(/^port/)).split(' ')[1])
      expect(await claimPort(port)).toBe(false)
      await other.kill()
      await expect.poll(() => claimPort(port), { timeout: 60_000 }).toBe(true)
    },
  )
})

describeWith(['celery'], 'Python', () => {
  it('is the one that has Celery', async () => {
    const script = startScript('import helper, celery; print("celery", celery.__version__, helper.word)', {
      files: { 'helper.py': 'word = "beside"' },
    })
    expect(await script.line(/^celery/)).toMatch(/^celery \d+\.\d+\.\d+ beside$/)
    expect((await script.ended()).code).toBe(0)
  })
})
