import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect as secure, type PeerCertificate, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { describeWith } from '../services/available.ts'
import { removeFolder, temporaryFolder } from '../services/reaper.ts'
import { openApp, openGateway } from './open-gateway.ts'

describeWith(['openssl'], 'over TLS', () => {
  const folder = temporaryFolder('gateway-tls')
  const file = (name: string): string => join(folder, name)
  afterAll(() => removeFolder(folder))

  beforeAll(() => {
    for (const name of ['one', 'two']) {
      const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
      const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject], {
        stdio: 'ignore',
      })
    }
    copyFileSync(file('one.pem'), file('cert.pem'))
    copyFileSync(file('one.key'), file('key.pem'))
  })

  function opened(options: object = {}): Gateway {
    const tls = { cert: file('cert.pem'), key: file('key.pem') }
    return openGateway(openApp(), { tls, ...options }).handle('GET', '/now', () => 'here')
  }

  /** Asks anew, on a connection of its own; also tells whose certificate it was. */
  function ask(url: string, ca: string): Promise<{ status: number | undefined; text: string; name: unknown }> {
    return new Promise((resolve, reject) => {
      get(`${url}/now`, { ca: readFileSync(file(ca)), agent: false }, (response) => {
        const peer: PeerCertificate = (response.socket as TLSSocket).getPeerCertificate()
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode, text, name: peer.subject.CN }))
      }).on('error', reject)
    })
  }

  test('answers over HTTPS, and says so in its URL', async () => {
    const web = opened()
    await web.start()
    expect(web.url).toMatch(/^https:\/\/127\.0\.0\.1:/)
    expect(await ask(web.url as string, 'one.pem')).toEqual({ status: 200, text: 'here', name: 'one' })
    await expect(ask(web.url as string, 'two.pem')).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  test('takes a renewed certificate without a restart; one that is broken changes nothing', async () => {
    const web = opened()
    await web.start()
    copyFileSync(file('two.pem'), file('cert.pem'))
    expect(() => web.reload()).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect((await ask(web.url as string, 'one.pem')).name).toBe('one')
    copyFileSync(file('two.key'), file('key.pem'))
    web.reload()
    expect((await ask(web.url as string, 'two.pem')).name).toBe('two')
    copyFileSync(file('one.pem'), file('cert.pem'))
    copyFileSync(file('one.key'), file('key.pem'))
  })

  test('plain HTTP, and what is no TLS at all, is closed without harm', async () => {
    const web = opened()
    await web.start()
    for (const bytes of ['GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n', '\0'.repeat(1_000), 'x']) {
      const socket = connect(Number(new URL(web.url as string).port), '127.0.0.1')
      const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
      socket.end(bytes)
      await closed
    }
    expect((await ask(web.url as string, 'one.pem')).text).toBe('here')
  })

  test('a stop waits neither for connections without a request nor for handshakes', async () => {
    const web = opened({ gracePeriod: '30s' })
    await web.start()
    const port = Number(new URL(web.url as string).port)
    const idle = secure({ port, host: '127.0.0.1', ca: readFileSync(file('one.pem')) })
    const silent = connect(port, '127.0.0.1')
    // A reset is an end too.
    for (const socket of [idle, silent]) socket.on('error', () => {})
    onTestFinished(() => void [idle, silent].map((socket) => socket.destroy()))
    await Promise.all([
      new Promise((resolve) => idle.once('secureConnect', resolve)),
      new Promise((resolve) => silent.once('connect', resolve)),
    ])
    const ended = Promise.all([idle, silent].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    idle.resume()
    silent.resume()
    await web.stop()
    await ended
    expect((silent.address() as AddressInfo).port).toBeUndefined()
  })

  test('files that are not there are said to be that', async () => {
    const web = openGateway(openApp(), { tls: { cert: file('nothing.pem'), key: file('key.pem') } })
    await expect(web.start()).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('nothing.pem'),
    })
  })
})

test('half of a pair is refused', () => {
  expect(() => openGateway(openApp(), { tls: { cert: 'cert.pem' } as never })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
