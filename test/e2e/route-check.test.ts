import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT, lovage, project, run, write } from '../cli/lovage.ts'
import { describeWith } from '../services/available.ts'
import { startPython } from '../services/python.ts'
import { RabbitmqNode } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'

const EXAMPLE = join(ROOT, 'examples/route-check')
const config = readFileSync(join(EXAMPLE, 'celeryconfig.py'), 'utf8')
const main = readFileSync(join(EXAMPLE, 'main.ts'), 'utf8')

const PASSWORD = 'result-secret'

/** What Python makes of the file on its broker. */
const DECLARE = `
from celery import Celery
app = Celery('checks')
app.config_from_object('celeryconfig')
with app.connection_for_write() as connection:
    for queue in app.amqp.queues.consume_from.values():
        queue(connection.default_channel).declare()
print('DECLARED')
`

describeWith(['rabbitmq', 'redis', 'celery'], 'the example route-check', () => {
  let rabbitmq: RabbitmqNode
  let redis: RedisNode
  let python: string[]
  const ends: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    rabbitmq = await RabbitmqNode.start()
    ends.push(() => rabbitmq.remove())
    redis = await RedisNode.start()
    ends.push(() => redis.remove())
    const raw = new Redis({ port: redis.port })
    await raw.config('SET', 'requirepass', PASSWORD)
    raw.disconnect()
    await rabbitmq.addVhost('python')
    const child = startPython(['-c', DECLARE], { files: { 'celeryconfig.py': configOf('python', "'rpc://'") } })
    await child.line('DECLARED', { timeoutMs: 60_000 })
    await child.ended()
    python = await listed('python')
  }, 200_000)
  afterAll(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  const configOf = (vhost: string, backend: string): string =>
    config
      .replace(/^BROKER_URL = .*$/m, `BROKER_URL = '${rabbitmq.url(vhost)}'`)
      .replace(/^CELERY_RESULT_BACKEND = .*$/m, `CELERY_RESULT_BACKEND = ${backend}`)

  /** Queues, exchanges and bindings, as the broker has them. */
  async function listed(vhost: string): Promise<string[]> {
    const list = (...what: string[]): Promise<string[]> =>
      rabbitmq.ctl(`list_${what[0]}`, '-p', vhost, ...what.slice(1))
    const all = [
      ...(await list('queues', 'name', 'durable', 'auto_delete', 'exclusive', 'arguments')),
      ...(await list('exchanges', 'name', 'type', 'durable', 'auto_delete', 'arguments')),
      ...(await list('bindings', 'source_name', 'destination_name', 'destination_kind', 'routing_key', 'arguments')),
    ]
    return all.filter((line) => /^\s*(?:common|urgent)/.test(line)).toSorted()
  }

  test.each<[string, string[], string, () => string]>([
    ['Python', [], 'results in Redis', () => `'redis://:${PASSWORD}@127.0.0.1:${redis.port}/3'`],
    ['its text', ['--literals'], 'results over amqp', () => "'amqp://guest:guest@127.0.0.1//'"],
  ])(
    'migrated by %s %o, with %s, makes on RabbitMQ what Python makes of the file, and runs',
    async (_by, flags, _about, backend) => {
      const vhost = flags.length === 0 ? 'evaluated' : 'literal'
      await rabbitmq.addVhost(vhost)
      const folder = project({ 'celeryconfig.py': configOf(vhost, backend()), 'main.ts': main })
      const migration = await run(['migrate', ...flags], { cwd: folder })
      const module = /^\/\/ Settings of[^]*?^}$/m.exec(migration.text)?.[0] ?? ''
      write(folder, { 'settings.ts': `${module}\n` })
      if (flags.length > 0) expect(migration.text).toMatch(/CELERY_RESULT_BACKEND.* is amqp:\/\/.*it becomes rpc:\/\//)

      const all = lovage(['-A', 'main', 'worker', '-l', 'info', '-n', 'all@%h'], { cwd: folder })
      ends.push(() => all.kill())
      await all.line(/ready/, { timeoutMs: 60_000 })
      // Queues, exchanges, bindings, and those of the default exchange.
      expect(python).toHaveLength(4 + 2 + 4 + 4)
      expect(await listed(vhost)).toEqual(python)
      await all.stop()

      const one = lovage(['-A', 'main', 'worker', '-l', 'info', '-Ofair', '-Q', 'common_check'], { cwd: folder })
      ends.push(() => one.kill())
      await one.line(/ready/, { timeoutMs: 60_000 })
      const hops = '[{"host":"a","ms":3},{"host":"b","ms":140}]'
      const call = await run(['-A', 'main', 'call', 'routes.check', 'example.org', hops], { cwd: folder })
      expect(call.text).toContain('"slow": ["b"]')
      // The key of the queue is that of another one too, which has a copy nobody has read.
      // The answer is there before the message is settled.
      await expect
        .poll(() => rabbitmq.ctl('list_queues', '-p', vhost, 'name', 'messages'))
        .toEqual(
          expect.arrayContaining([
            expect.stringMatching(/^common_archive\s+1$/),
            expect.stringMatching(/^common_check\s+0$/),
          ]),
        )
      await one.stop()
    },
    400_000,
  )
})
