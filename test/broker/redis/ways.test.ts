import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Redis } from 'ioredis'
import { findCommand } from '../../../scripts/services.mjs'
import { openBackend } from '../../../src/backend/open.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { openStore } from '../../../src/store/open.ts'
import { success } from '../../../src/testing/backend-suite.ts'
import { Inbox, textMessage, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { type Child, startChild } from '../../services/child.ts'
import { freePort } from '../../services/ports.ts'
import { RedisNode } from '../../services/redis-node.ts'
import { temporaryFolder } from '../../services/temporary-folder.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

const pem = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** Something goes there and back. */
async function roundTrip(url: string): Promise<string[]> {
  const broker = openBroker(url, PATIENT_BROKER)
  await broker.start()
  try {
    const queue = `q-${randomUUID()}`
    await broker.declare({ queues: [{ name: queue }] })
    await broker.publish(textMessage('there'), toQueue(queue))
    const inbox = new Inbox()
    await broker.consume({ queues: [queue], prefetch: 1, onDelivery: (delivery) => inbox.take(delivery) })
    return await inbox.texts(1)
  } finally {
    await broker.stop()
  }
}

describeWith(['redis'], 'the ways to a Redis', () => {
  const folder = temporaryFolder()
  const socket = join(folder, 'redis.sock')
  let redis: RedisNode
  let tlsPort: number

  beforeAll(async () => {
    tlsPort = await freePort()
    const files = ['--tls-cert-file', pem('server.pem'), '--tls-key-file', pem('server.key')]
    const trust = ['--tls-ca-cert-file', pem('ca.pem'), '--tls-auth-clients', 'optional']
    redis = await RedisNode.start(['--unixsocket', socket, '--tls-port', String(tlsPort), ...files, ...trust])
    const admin = new Redis({ port: redis.port })
    await admin.call('ACL', 'SETUSER', 'shop', 'on', '>p@ss/w', '~*', '&*', '+@all')
    admin.disconnect()
  })
  afterAll(() => redis?.remove())

  test.each([
    ['a port', () => redis.url()],
    ['another database', () => redis.url(5)],
    ['a user with a password', () => redis.url().replace('//', '//shop:p%40ss%2Fw@')],
    ['a Unix socket', () => `redis+socket://${socket}?virtual_host=1`],
    [
      'TLS, with the authority that signed the server',
      () => `rediss://localhost:${tlsPort}?ssl_ca_certs=${pem('ca.pem')}`,
    ],
    [
      'TLS, with a certificate of our own',
      () =>
        `rediss://localhost:${tlsPort}/2?ssl_ca_certs=${pem('ca.pem')}&ssl_certfile=${pem('client.pem')}&ssl_keyfile=${pem('client.key')}`,
    ],
    ['TLS that trusts everybody', () => `rediss://127.0.0.1:${tlsPort}?ssl_cert_reqs=none`],
  ])('%s', async (_name, url) => {
    expect(await roundTrip(url())).toEqual(['there'])
  })

  test('TLS does not trust whom nobody vouches for, and a plain port is no TLS', async () => {
    for (const url of [`rediss://localhost:${tlsPort}`, redis.url().replace('redis:', 'rediss:')]) {
      const broker = openBroker(url, { connectTimeoutMs: 1000 })
      await expect(broker.start()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
    }
  })
})

describeWith(['redis'], 'sentinels', () => {
  const folder = temporaryFolder()
  let master: RedisNode
  let replica: RedisNode
  let sentinel: Child
  let port: number

  beforeAll(async () => {
    master = await RedisNode.start()
    replica = await RedisNode.start(['--replicaof', '127.0.0.1', String(master.port)])
    port = await freePort()
    const config = join(folder, 'sentinel.conf')
    writeFileSync(
      config,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor shop 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds shop 3000',
        'sentinel failover-timeout shop 5000',
      ].join('\n'),
    )
    sentinel = startChild(findCommand('redis-server') as string, [config, '--sentinel'], { name: 'sentinel' })
    await sentinel.line('+monitor master shop')
    const asks = new Redis({ port })
    await until(
      'it knows the replica',
      async () => ((await asks.call('SENTINEL', 'replicas', 'shop')) as []).length > 0,
    )
    asks.disconnect()
  })
  afterAll(async () => {
    await sentinel?.kill()
    await replica?.remove()
    await master?.remove()
  })

  test('lead results and shared state to the master too', async () => {
    const url = `sentinel://127.0.0.1:${port}/1?master_name=shop`
    const [store, backend] = [openStore(url), openBackend(url, { broker: openBroker(`memory://${randomUUID()}`) })]
    await Promise.all([store.start(), backend.start()])
    await store.set('test:sentinel', 'x', { ttlMs: 60_000 })
    await backend.put(success('sentinel', 1), {})
    const direct = new Redis({ port: master.port, db: 1 })
    expect((await direct.keys('*')).toSorted()).toEqual([
      'celery-task-meta-sentinel',
      'lovage:1:number',
      'lovage:1:value:test:sentinel',
    ])
    direct.disconnect()
    await Promise.all([store.stop(), backend.stop()])
  })

  test('lead to the master, and to the one that takes over from it', async () => {
    const broker = openBroker(`sentinel://127.0.0.1:${port}/0?master_name=shop`, PATIENT_BROKER)
    await broker.start()
    try {
      await broker.declare({ queues: [{ name: 'q' }] })
      const inbox = new Inbox()
      await broker.consume({ queues: ['q'], prefetch: 5, onDelivery: (delivery) => inbox.take(delivery) })
      await broker.publish(textMessage('before'), toQueue('q'))
      expect(await inbox.texts(1)).toEqual(['before'])
      await master.kill()
      await until('it is lost', () => broker.state === 'lost')
      await broker.publish(textMessage('after'), toQueue('q'))
      expect(await inbox.texts(1)).toEqual(['after'])
    } finally {
      await broker.stop()
    }
  })
})
