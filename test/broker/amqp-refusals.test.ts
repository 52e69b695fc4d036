import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { type BrokerOptions, openBroker } from '../../src/broker/open.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

const opened: Broker[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((broker) => broker.stop()))
})

function open(url: string, options?: BrokerOptions): Broker {
  const broker = openBroker(url, options)
  opened.push(broker)
  return broker
}

async function failureOf(broker: Broker): Promise<{ code: string; message: string }> {
  const error = (await broker.start().then(
    () => expect.unreachable('it started'),
    (thrown: unknown) => thrown,
  )) as Error & { code: string }
  expect(broker.state).toBe('stopped')
  return { code: error.code, message: error.message }
}

describeWith(['rabbitmq'], 'a RabbitMQ that refuses', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  test('a wrong password is BROKER_REFUSED at once, and is not told', async () => {
    const wrong = new URL(url)
    wrong.password = 'hunter2'
    const failure = await failureOf(open(wrong.href, { connectTimeoutMs: 60_000 }))
    expect(failure.code).toBe('BROKER_REFUSED')
    expect(failure.message).toMatch(/guest:\*\*\*@127.*ACCESS_REFUSED/)
    expect(failure.message).not.toContain('hunter2')
  })

  test('a virtual host that is not there is BROKER_REFUSED and named', async () => {
    const wrong = new URL(url)
    wrong.pathname = '/nowhere'
    const failure = await failureOf(open(wrong.href, { connectTimeoutMs: 60_000 }))
    expect(failure.code).toBe('BROKER_REFUSED')
    expect(failure.message).toMatch(/vhost nowhere not found/)
  })

  test('a broker that could not start can be started when the cause is gone', async () => {
    const holder = await listen(() => {})
    const { port } = holder.address() as AddressInfo
    const broker = open(`amqp://127.0.0.1:${port}`, { connectTimeoutMs: 200 })
    expect((await failureOf(broker)).code).toBe('BROKER_UNREACHABLE')
    expect((await failureOf(broker)).code).toBe('BROKER_UNREACHABLE')
    holder.close()
    await broker.stop()
  })
})

test('nobody there is BROKER_UNREACHABLE when the connect time has passed', async () => {
  const server = await listen(() => {})
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const failure = await failureOf(open(`amqp://u:secret@127.0.0.1:${port}/v`, { connectTimeoutMs: 400 }))
  expect(failure.code).toBe('BROKER_UNREACHABLE')
  expect(failure.message).toMatch(/ECONNREFUSED/)
  expect(failure.message).toContain(`amqp://u:***@127.0.0.1:${port}/v`)
})

test('a server that says nothing, one that hangs up and one that speaks otherwise are BROKER_UNREACHABLE', async () => {
  const silent = await listen(() => {})
  const rude = await listen((socket) => socket.destroy())
  const web = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  for (const server of [silent, rude, web]) {
    const { port } = server.address() as AddressInfo
    const failure = await failureOf(open(`amqp://127.0.0.1:${port}`, { connectTimeoutMs: 300 }))
    expect(failure.code).toBe('BROKER_UNREACHABLE')
    server.close()
  }
})

test('a server without TLS is BROKER_UNREACHABLE for amqps', async () => {
  const server = await listen((socket) => socket.end('AMQP\0\0\x09\x01'))
  const { port } = server.address() as AddressInfo
  const failure = await failureOf(open(`amqps://127.0.0.1:${port}`, { connectTimeoutMs: 300 }))
  expect(failure.code).toBe('BROKER_UNREACHABLE')
  server.close()
})

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
