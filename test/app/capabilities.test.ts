import { describe, expect, it } from 'vitest'
import { BROKER_FEATURES } from '../../src/app/broker-features.ts'
import {
  assertBroker,
  assertShared,
  BACKEND_FEATURES,
  backendHas,
  brokerHas,
  type BrokerKind,
} from '../../src/app/capabilities.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { lovage } from '../../src/index.ts'
import { onLog } from '../../src/base/log.ts'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { worker } from '../../src/worker/worker.ts'

/** The schemes that something can be opened by, as the refusal of another names them. */
function known(open: () => unknown): string[] {
  try {
    open()
  } catch (error) {
    if (isLovageError(error, 'URL_UNSUPPORTED')) return String(error.details['known']).split(', ')
  }
  throw new Error('an unknown scheme was taken')
}

const rabbit = 'amqp://guest:secret@localhost/'

describe('what a kind can do', () => {
  it('is known by the scheme of its URL', () => {
    expect(brokerHas('processes', { broker: rabbit })).toBe(true)
    expect(brokerHas('processes', { broker: `${rabbit};amqp://other/` })).toBe(true)
    expect(brokerHas('processes', { broker: 'memory://x' })).toBe(false)
    expect(backendHas('anyReader', { backend: 'rpc://' })).toBe(false)
  })

  it('is told of every kind that can be opened', () => {
    const broker = openBroker('memory://capabilities')
    for (const scheme of known(() => openBroker('carrier-pigeon://x'))) {
      const url = scheme === 'embedded://' ? `${scheme}/tmp/never-opened` : `${scheme}localhost/`
      const { kind } = openBroker(url)
      expect(BROKER_FEATURES.durable.kinds).toHaveProperty(kind)
      expect(brokerHas('durable', { broker: url })).toBe(BROKER_FEATURES.durable.kinds[kind as BrokerKind][0])
    }
    for (const scheme of known(() => openBackend('carrier-pigeon://x', { broker }))) {
      expect(BACKEND_FEATURES.late.kinds).toHaveProperty(openBackend(scheme, { broker }).kind)
    }
  })

  it('is what the brokers themselves say, where they say it', () => {
    for (const url of ['memory://capabilities', rabbit, 'embedded:///tmp/never-opened']) {
      expect(openBroker(url).admin !== undefined).toBe(brokerHas('admin', { broker: url }))
    }
  })
})

describe('what a kind lacks', () => {
  it('is refused by name, with the fix', () => {
    expect(() =>
      assertBroker('durable', { broker: 'memory://x', backend: 'rpc://' }, 'A ledger', 'Write it down'),
    ).toThrow(
      expect.objectContaining({
        code: 'CAPABILITY_MISSING',
        message:
          'A ledger needs a broker that keeps what it has, which memory://x (gone with the process) does not have',
        fix: 'Write it down, or use another broker: LOVAGE_BROKER_URL=embedded:// on one machine, amqp://guest:guest@localhost:5672/ on several',
      }),
    )
  })

  it('is refused of a result backend too: its results would never arrive', () => {
    expect(() => assertShared({ broker: rabbit, backend: 'memory://x' }, 'A worker by itself', 'Stay')).toThrow(
      expect.objectContaining({
        code: 'CAPABILITY_MISSING',
        message: expect.stringContaining('a result backend that several processes share') as string,
        fix: expect.stringContaining('rpc://') as string,
      }),
    )
    expect(() => assertShared({ broker: rabbit, backend: 'rpc://' }, 'A worker by itself', 'Stay')).not.toThrow()
  })

  it('is not looked for in a scheme that nobody knows: opening it says what is wrong', () => {
    expect(() => assertShared({ broker: 'carrier-pigeon://x', backend: 'rpc://' }, 'A worker', 'Stay')).not.toThrow()
  })

  it('is said by a worker whose results nobody else can have', async () => {
    const warned: string[] = []
    const end = onLog(({ level, message }) => void (level === 'warn' && warned.push(message)))
    const app = lovage('x', { broker: 'amqp://127.0.0.1:1/', backend: 'memory://x', connectTimeout: 50 }, { env: {} })
    app.task('noop', () => {})
    await expect(worker(app).start()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
    await app.close()
    end()
    expect(warned).toContain('results stay in this process: callers in others wait in vain')
  })
})
