import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { systemClock } from '../../src/base/clock.ts'
import { explain, type Why } from '../../src/dashboard/why.ts'
import { type App, lovage } from '../../src/index.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { available, describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { PATIENT } from '../services/patience.ts'

const THEIRS = 'why@theirs'
const files = { 'why.py': readFileSync(new URL('why.py', import.meta.url), 'utf8') }

let redis: RedisNode
beforeAll(async () => {
  if (available('redis')) redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

function asked(name: string, needs: readonly Need[], stalled: string, meet: () => Promise<string>): void {
  describeWith([...needs, 'redis', 'celery'], `why a task of Python’s worker does not run, on ${name}`, () => {
    let app: App
    let theirs: Child

    beforeAll(async () => {
      const [broker, backend] = [await meet(), redis.url(name === 'Redis' ? 1 : 2)]
      app = lovage('why', { broker, backend, defaultQueue: 'python', ...PATIENT }, { env: {} })
      const args = ['-m', 'celery', '-A', 'why', 'worker', '-c', '1', '-P', 'threads', '-n', THEIRS, '-l', 'INFO']
      theirs = startPython([...args, '--without-mingle', '--without-gossip'], {
        files,
        env: { BROKER: broker, BACKEND: backend },
      })
      await theirs.line(/ ready\./, { timeoutMs: 60_000 })
    }, 240_000)
    afterAll(async () => {
      await theirs?.kill()
      await app?.close()
    })

    const send = async (task: string, args: unknown[] = []): Promise<string> => (await app.sendTask(task, args)).id

    /** The answer, when its first reason is the one that is awaited; the last one where it never is. */
    const why = async (
      id: string,
      wanted: string,
      task?: string,
      timeoutMs = 30_000,
    ): Promise<Why['reasons'][0] | undefined> => {
      for (const endMs = systemClock.now() + 90_000; ;) {
        const { reasons } = await explain(app, id, { nodes: [THEIRS], timeoutMs, task })
        if (reasons[0]?.code === wanted || systemClock.now() > endMs) return reasons[0]
      }
    }

    test('it is told by what the worker answers', { timeout: 240_000 }, async () => {
      const limited = await send('py.limited')
      expect(await why(limited, 'SUCCEEDED')).toMatchObject({ code: 'SUCCEEDED' })
      const second = await send('py.limited')
      // Python's worker does not tell that it has it, so that who knows the name knows more.
      expect(await why(second, 'RATE_LIMITED', 'py.limited')).toMatchObject({
        code: 'RATE_LIMITED',
        text: `It is in no queue, and ${THEIRS} starts py.limited no more often than 1/h: it waits there for its turn.`,
      })
      const { unknown } = await explain(app, second, { nodes: [THEIRS], timeoutMs: 10_000 })
      expect(unknown).toContainEqual({
        what: 'whether a rate limit holds it (name it with --task)',
        because: `${THEIRS} is Python’s, which does not tell of that; it has limits for py.limited`,
      })

      const later = randomUUID()
      const eta = new Date(Date.UTC(2036, 0, 1)).toISOString()
      const message = encodeTask(newRequest({ id: later, task: 'py.add', eta, body: encodeBody([1, 2], {}) }))
      const { broker } = await app.client()
      await broker.publish(message, { exchange: '', routingKey: 'python' })
      expect(await why(later, 'DUE_LATER')).toMatchObject({
        code: 'DUE_LATER',
        text: expect.stringMatching(
          /^py\.add is due at 2036-01-01T00:00:00Z, in \d+ d, held until then by why@theirs\.$/,
        ),
      })

      const held = await send('py.hold')
      expect(await why(held, 'RUNNING')).toMatchObject({ code: 'RUNNING', text: expect.stringContaining(THEIRS) })
      const behind = await send('py.add', [1, 2])
      expect(await why(behind, 'RESERVED_BEHIND')).toMatchObject({
        code: 'RESERVED_BEHIND',
        text: expect.stringMatching(/^why@theirs has taken it .* behind py\.hold, .* all of its 1 slot are taken\.$/),
      })
      await app.control.revoke(behind, { reply: true, limit: 1, timeout: '60s' })
      expect(await why(behind, 'REVOKED')).toMatchObject({ code: 'REVOKED', certainty: 'certain' })

      // It stands still, with its connection.
      theirs.signal('SIGSTOP')
      expect(await why(held, stalled, undefined, 1_000)).toMatchObject({
        code: stalled,
        text: expect.stringMatching(/^why@theirs has .* does not answer/),
      })
    })
  })
}

asked('RabbitMQ', ['rabbitmq'], 'WORKER_STALLED', () => brokerUrl(import.meta.url))
// Redis does not tell whether a reader of Python's is there.
asked('Redis', [], 'WORKER_SILENT', async () => redis.url(0))
