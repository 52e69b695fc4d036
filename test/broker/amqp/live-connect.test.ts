import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { parseAmqpUrl } from '../../../src/broker/amqp/amqp-url.ts'
import { brokerUrl, describeWith } from '../../services/rabbitmq.ts'
import { closeAll, connectTo } from './live-client.ts'

describeWith(['rabbitmq'], 'on RabbitMQ', () => {
  let url: string

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })
  afterEach(closeAll)

  test('a wrong password and a wrong virtual host are told apart from a broker that is away', async () => {
    const wrong = new URL(url)
    wrong.password = 'wrong'
    await expect(connectTo(wrong.href)).rejects.toMatchObject({ scope: 'connection', code: 403 })
    const elsewhere = new URL(url)
    elsewhere.pathname = '/none'
    await expect(connectTo(elsewhere.href)).rejects.toMatchObject({
      code: 530,
      message: expect.stringContaining('none') as string,
    })
    await expect(connectTo('amqp://localhost:1')).rejects.toMatchObject({
      code: 0,
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  test('several hosts are tried in their order, and one that is silent does not use up the time of the others', async () => {
    const silent: Server = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const here = new URL(url)
    const hosts = `127.0.0.1:1,127.0.0.1:${port},${here.host}`
    const several = parseAmqpUrl(url.replace(here.host, hosts))
    try {
      const connection = await connectTo(several, { timeoutMs: 6_000 })
      expect(connection.serverProperties.product).toBe('RabbitMQ')
      const none = parseAmqpUrl(url.replace(here.host, hosts.replace(`,${here.host}`, '')))
      await expect(connectTo(none, { timeoutMs: 300 })).rejects.toThrow(
        /127.0.0.1:1: .*ECONNREFUSED.*; 127.0.0.1:\d+: no answer/,
      )
    } finally {
      silent.close()
    }
  })

  test('a server that is no broker is refused by its first words', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = web.address() as AddressInfo
      await expect(connectTo(`amqp://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 501 })
    } finally {
      web.close()
    }
  })
})
