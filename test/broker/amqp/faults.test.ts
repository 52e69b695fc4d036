import { connect, createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../services/ports.ts'
import { describeWith, RabbitmqNode } from '../../services/rabbitmq.ts'
import { TcpProxy } from '../../services/tcp-proxy.ts'
import { channelOf, closeAll, connectTo, Heard, send } from './live-client.ts'

const pem = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url))

describeWith(['rabbitmq'], 'with a RabbitMQ that suffers', () => {
  let node: RabbitmqNode
  let tlsPort: number

  beforeAll(async () => {
    tlsPort = await freePort()
    node = await RabbitmqNode.start({
      plugins: ['rabbitmq_auth_mechanism_ssl'],
      config: [
        `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
        `ssl_options.cacertfile = ${pem('ca.pem')}`,
        `ssl_options.certfile = ${pem('server.pem')}`,
        `ssl_options.keyfile = ${pem('server.key')}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = false',
        'ssl_cert_login_from = common_name',
        'auth_mechanisms.1 = PLAIN',
        'auth_mechanisms.2 = EXTERNAL',
      ],
    })
  }, 240_000)
  afterEach(closeAll)
  afterAll(() => node?.remove())

  /** An echo through a queue: proof that a connection is of use. */
  async function roundTrip(url: string): Promise<string> {
    const channel = await channelOf(await connectTo(url))
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    send(channel, queue, 'x'.repeat(200_000))
    return Buffer.from((await channel.get(queue))?.content.body ?? []).toString()
  }

  test('TLS is spoken with a server whose certificate is good for its name, and with no other', async () => {
    const url = (host: string, query = ''): string =>
      `amqps://guest:guest@${host}:${tlsPort}/%2F?cacertfile=${pem('ca.pem')}${query}`
    expect(await roundTrip(url('localhost'))).toHaveLength(200_000)
    expect(await roundTrip(url('127.0.0.1'))).toHaveLength(200_000)
    expect(await roundTrip(url('127.0.0.1', '&server_name_indication=lovage.test'))).toHaveLength(200_000)
    await expect(roundTrip(url('localhost', '&server_name_indication=other.test'))).rejects.toThrow(
      /altnames|does not match/,
    )
    await expect(roundTrip(`amqps://guest:guest@localhost:${tlsPort}`)).rejects.toThrow(
      /verify|certificate|self.signed/i,
    )
    expect(await roundTrip(`amqps://guest:guest@localhost:${tlsPort}?verify=verify_none`)).toHaveLength(200_000)
    await expect(roundTrip(`amqps://guest:guest@localhost:${tlsPort}?cacertfile=/none.pem`)).rejects.toThrow(
      /none\.pem/,
    )
    await expect(roundTrip(`amqps://guest:guest@localhost:${node.port}?verify=verify_none`)).rejects.toMatchObject({
      code: 0,
    })
  })

  test('a client certificate says who we are, where the broker takes it', async () => {
    const external = `?auth_mechanism=external&cacertfile=${pem('ca.pem')}`
    const cert = `&certfile=${pem('client.pem')}&keyfile=${pem('client.key')}`
    expect(await roundTrip(`amqps://nobody@localhost:${tlsPort}/${external}${cert}`)).toHaveLength(200_000)
    await expect(roundTrip(`amqps://nobody@localhost:${tlsPort}/${external}`)).rejects.toMatchObject({ code: 403 })
  })

  test('an alarm is told, what is sent meanwhile is confirmed when it is over', async () => {
    const heard = new Heard()
    const connection = await connectTo(node.url(), {
      heartbeatS: 20,
      events: {
        onBlocked: (reason) => heard.say(reason === undefined ? 'unblocked' : `blocked: ${reason}`),
        onClosed: ({ message }) => heard.say(`closed: ${message}`),
      },
    })
    const channel = await channelOf(connection, heard)
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    await channel.call('confirm.select', {})
    await node.memoryAlarm(true)
    try {
      send(channel, queue, 'meanwhile')
      await heard.until(/^blocked: .*memory/)
      expect(heard.words.filter((word) => word.startsWith('ack'))).toEqual([])
    } finally {
      await node.memoryAlarm(false)
    }
    await heard.until('unblocked')
    await heard.until('ack 1')
    expect(heard.words.filter((word) => word.startsWith('closed'))).toEqual([])
  })

  test('a halted broker is found dead after two heartbeats', async () => {
    const heard = new Heard()
    const connection = await connectTo(node.url(), {
      heartbeatS: 1,
      events: { onClosed: ({ message, code }) => heard.say(`${code} ${message}`) },
    })
    const channel = await channelOf(connection, heard)
    await channel.call('queue.declare', { exclusive: true })
    node.pause()
    try {
      const silent = channel.call('queue.declare', { exclusive: true })
      await expect(silent).rejects.toMatchObject({ scope: 'connection', message: /silent for two heartbeats of 1 s/ })
      await heard.until('closed connection 0')
      await heard.until(/^0 .*silent/)
    } finally {
      node.resume()
    }
  })

  test('a wire that swallows everything is found dead, as one that is cut is', async () => {
    const proxy = await TcpProxy.start({ port: node.port })
    try {
      for (const fault of ['black hole', 'half-open', 'cut'] as const) {
        const heard = new Heard()
        proxy.mode = 'open'
        await connectTo(proxy.urlFor(node.url()), { heartbeatS: 1, events: { onClosed: () => heard.say('closed') } })
        if (fault === 'black hole') proxy.mode = 'black-hole'
        else if (fault === 'half-open') proxy.halfOpen()
        else proxy.cut()
        await heard.until('closed')
        expect(heard.words).toEqual(['closed'])
      }
    } finally {
      await proxy.stop()
    }
  })

  test('a quiet connection stays, kept by heartbeats of both sides', async () => {
    const heard = new Heard()
    const beat = '08000000000000ce'
    const wire = createServer((ours) => {
      const theirs = connect(node.port, '127.0.0.1')
      ours.on('data', (chunk) => theirs.write(chunk) && chunk.toString('hex') === beat && heard.say('our beat'))
      theirs.on('data', (chunk) => ours.write(chunk) && chunk.toString('hex') === beat && heard.say('their beat'))
      ours.on('close', () => theirs.destroy())
    })
    await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = wire.address() as AddressInfo
      const connection = await connectTo(`amqp://127.0.0.1:${port}`, { heartbeatS: 3 })
      // After so many either side would have given up on a silent one.
      await Promise.all([heard.until('our beat', 5), heard.until('their beat', 5)])
      expect(connection.error).toBeUndefined()
      expect((await channelOf(connection)).number).toBe(1)
    } finally {
      await closeAll()
      wire.close()
    }
  })

  test('a broker that is killed is noticed at once, and everything asked of it fails', async () => {
    const heard = new Heard()
    const connection = await connectTo(node.url(), { events: { onClosed: ({ scope }) => heard.say(scope) } })
    const channel = await channelOf(connection, heard)
    await channel.call('confirm.select', {})
    await node.kill()
    await heard.until('connection')
    await heard.until('closed connection 0')
    await expect(channel.call('queue.declare', {})).rejects.toMatchObject({ scope: 'connection' })
    await expect(connectTo(node.url())).rejects.toThrow('ECONNREFUSED')
  })
})
