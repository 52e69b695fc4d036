import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { textMessage, toQueue } from '../../src/testing/broker/scene.ts'
import { available } from '../services/available.ts'
import { PATIENT_BROKER } from '../services/patience.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { removeFolder, temporaryFolder } from '../services/reaper.ts'

const folder = temporaryFolder('tls')
if (available('openssl')) makeCertificate()
afterAll(() => removeFolder(folder))

/** A certificate for localhost that nobody but its own file vouches for. */
function makeCertificate(): void {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject], {
    stdio: 'ignore',
  })
}

describeWith(['rabbitmq', 'openssl'], 'over TLS', () => {
  let server: Server
  let url: URL
  beforeAll(async () => {
    const plain = new URL(await brokerUrl(import.meta.url))
    const pem = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }
    server = createServer(pem, (socket) => {
      const upstream = connect(Number(plain.port), plain.hostname)
      socket.pipe(upstream).pipe(socket)
      for (const one of [socket, upstream]) one.on('error', () => {})
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = new URL(`amqps://localhost:${(server.address() as AddressInfo).port}${plain.pathname}`)
  })
  afterAll(() => server?.close())

  test('a server whose certificate is vouched for is used', async () => {
    url.search = new URLSearchParams({ cacertfile: join(folder, 'cert.pem') }).toString()
    const broker = openBroker(url.href, PATIENT_BROKER)
    await broker.start()
    await broker.declare({ queues: [{ name: 'tls' }] })
    await broker.publish(textMessage('x'), toQueue('tls'))
    expect(await broker.admin?.depth('tls')).toMatchObject({ messages: 1 })
    await broker.stop()
  })

  test('a strange certificate is refused, unless it is not to be looked at', async () => {
    url.search = ''
    const strict = openBroker(url.href, { connectTimeoutMs: 3000 })
    await expect(strict.start()).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('self-signed'),
    })
    url.search = '?verify=verify_none'
    const lax = openBroker(url.href, PATIENT_BROKER)
    await lax.start()
    await lax.probe(5000)
    await lax.stop()
  })

  test('a certificate of another name is refused', async () => {
    url.search = new URLSearchParams({
      cacertfile: join(folder, 'cert.pem'),
      server_name_indication: 'rabbit.example',
    }).toString()
    const broker = openBroker(url.href, { connectTimeoutMs: 3000 })
    await expect(broker.start()).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('altnames'),
    })
  })
})
