import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Need } from '../../scripts/services.mjs'
import { brokerHas } from '../../src/app/capabilities.ts'
import { explain, type WhyOptions } from '../../src/dashboard/why.ts'
import { schedules } from '../../src/beat/beat.ts'
import { describeWith } from '../services/available.ts'
import { makeDelays } from '../services/delays.ts'
import { freePort } from '../services/ports.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { type Place, Stage } from './why-stage.ts'

/** What is asked for, where it is not an id alone. */
interface Asked {
  readonly id: string
  readonly options?: WhyOptions
}

interface Cause {
  readonly code: string
  /** Has it come to be so; the id to ask for. */
  readonly make: (stage: Stage) => Promise<string | Asked>
  /** What the first reason says of it. */
  readonly text: RegExp
  /** The capability without which it cannot be told; it is then named among what is unknown. */
  readonly needs?: 'listsDelayed'
}

/** In this order: each builds on those before it. */
const CAUSES: readonly Cause[] = [
  {
    code: 'RUNNING',
    make: async (stage) => stage.send('why.hold', 'busy'),
    text: /^why\.hold has run for \d+ s on busy@here\.$/,
  },
  {
    code: 'WAITING_FOR_PARENT',
    make: async (stage) => stage.chained(),
    text: /^It is sent when why\.hold \S+ has ended, which waits for a slot of busy@here\.$/,
  },
  {
    code: 'RESERVED_BEHIND',
    make: async (stage) => stage.send('why.add', 'busy', {}, [1, 2]),
    text: /^busy@here has taken it from the queue, and it waits there for a slot behind why\.hold/,
  },
  {
    code: 'WAITING_IN_QUEUE',
    make: async (stage) => {
      await stage.send('why.add', 'busy', {}, [1, 2])
      await stage.send('why.add', 'busy', {}, [1, 2])
      return stage.send('why.add', 'busy', {}, [3, 4])
    },
    text: /^It waits in busy \(why\.add\) behind 2 other tasks\.$/,
  },
  {
    code: 'SLOTS_BUSY',
    make: async (stage) => {
      await stage.why(await stage.send('why.hold', 'next'), 'RUNNING')
      return stage.send('why.add', 'next', {}, [1, 2])
    },
    text: /^It is the next in next, and all 1 slot of next@here are busy\.$/,
  },
  {
    code: 'DUE_LATER',
    make: async (stage) => stage.send('why.add', 'free', { countdown: '1h' }, [1, 2]),
    text: /^why\.add is due at \S+Z, in (\d+ min|1 h)\. The broker keeps it for free\.$/,
    needs: 'listsDelayed',
  },
  {
    code: 'RATE_LIMITED',
    make: async (stage) => {
      await stage.settled(await stage.send('why.limited', 'free'))
      return stage.send('why.limited', 'free')
    },
    text: /^free@here has it, and starts why\.limited no more often than 1\/h\.$/,
  },
  {
    code: 'NO_WORKER_READS_QUEUE',
    make: async (stage) => stage.send('why.add', 'nobody', {}, [1, 2]),
    text: /^No worker reads nobody, in which it waits\. 3 workers answer, and read other queues\.$/,
  },
  {
    code: 'NO_WORKER_KNOWS_TASK',
    make: async (stage) => stage.send('why.stranger', 'free'),
    text: /^No worker that reads free has a task why\.stranger: it was put aside, at /,
  },
  {
    code: 'DEAD_LETTER',
    make: async (stage) => stage.unreadable(),
    text: /^It lies in the dead letters of free, at \S+, \d+ s ago: CONTENT_REFUSED, /,
  },
  {
    code: 'WORKER_SILENT',
    make: async (stage) => ({ id: await stage.send('why.hold', 'silent'), options: { queue: 'silent' } }),
    text: /^silent@here has begun it.* and does not answer.*: it is unacknowledged, and comes again/,
  },
  {
    code: 'WORKER_STALLED',
    make: async (stage) => stage.send('why.hold', 'stalled'),
    text: /^silent-stalled@here has it.*; it is connected to the broker, and does not answer\.$/,
  },
  {
    code: 'QUEUE_PAUSED',
    make: async (stage) => {
      await stage.app.control.cancelConsumer('paused', { reply: true, limit: 3, timeout: '20s' })
      return stage.send('why.add', 'paused', {}, [1, 2])
    },
    text: /^Nobody reads paused, in which it waits: free@here did, and was told to read it no more\.$/,
  },
  {
    code: 'REVOKED',
    make: async (stage) => {
      const id = await stage.send('why.add', 'next', {}, [1, 2])
      await stage.app.control.revoke(id, { reply: true, limit: 3, timeout: '20s' })
      return id
    },
    text: /^It was revoked, and waits still: .* will drop it instead of starting it\.$/,
  },
  {
    code: 'EXPIRED',
    make: async (stage) => {
      // Past already when it is read: RabbitMQ hands it out all the same, because it is told no expiration of it.
      const id = await stage.expired()
      await stage.settled(id)
      return id
    },
    text: /^Its time to start ran out, and a worker ended it/,
  },
  {
    code: 'RETRY_LATER',
    make: async (stage) => stage.send('why.again', 'free'),
    text: /^(why\.again is tried again at .* It failed: |It failed \()TypeError\('not yet'\)/,
  },
  {
    code: 'FAILED',
    make: async (stage) => stage.send('why.fail', 'free'),
    text: /^It failed at \S+, \d+ s ago: TypeError\('no such thing'\)$/,
  },
  {
    code: 'SUCCEEDED',
    make: async (stage) => stage.send('why.add', 'free', {}, [1, 2]),
    text: /^It has run and succeeded at \S+, \d+ s ago\.$/,
  },
  {
    code: 'QUEUE_FULL',
    make: async (stage) => {
      await stage.send('why.add', 'full', {}, [1, 2])
      const refused = stage.send('why.add', 'full', { taskId: 'refused-by-a-full-queue' }, [1, 2])
      await expect(refused).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' })
      return { id: 'refused-by-a-full-queue', options: { queue: 'full' } }
    },
    text: /^full is full with 1 and refuses more: who sent it was told so\.$/,
  },
  {
    code: 'QUEUE_MISSING',
    make: async () => ({ id: 'sent-into-the-void', options: { queue: 'no-such-queue' } }),
    text: /^There is no queue no-such-queue\.$/,
  },
  {
    code: 'SCHEDULE_PAUSED',
    make: async (stage) => ({ id: await stage.pausedSchedule(), options: { schedules: schedules(stage.app) } }),
    text: /^The schedule nightly, which sends why\.add, is paused\.$/,
  },
  {
    code: 'UNKNOWN_ID',
    make: async () => 'nobody-has-ever-heard-of-it',
    text: /^It is not waiting in .*, with none of 3 workers, and has no result: /,
  },
]

interface Meeting extends Place {
  /** One like it that cannot be reached. */
  readonly away: string
}

function told(name: string, needs: readonly Need[], meet: () => Promise<Meeting>): void {
  describeWith(needs, `why a task does not run, on ${name}`, () => {
    let place: Meeting
    let stage: Stage
    beforeAll(async () => {
      place = await meet()
      stage = new Stage(place)
      await Promise.all([
        stage.work('free@here', ['free', 'paused'], { concurrency: 10 }),
        stage.work('busy@here', ['busy'], { prefetch: 3 }),
        stage.work('next@here', ['next'], { prefetch: 1 }),
        stage.work('silent@here', ['silent'], { remoteControl: false }),
        stage.stall('silent-stalled@here', 'stalled'),
        stage.listen(),
      ])
    }, 240_000)
    afterAll(() => stage?.end(), 120_000)

    for (const { code, make, text, needs: capability } of CAUSES) {
      test(code, { timeout: 200_000 }, async () => {
        const made = await make(stage)
        const { id, options = {} } = typeof made === 'string' ? { id: made } : made
        if (capability && !brokerHas(capability, stage.app.settings)) {
          const why = await explain(stage.app, id, { nodes: stage.nodes, timeoutMs: 5_000, ...options })
          expect(why.unknown).toContainEqual({
            what: 'whether it waits with the broker for its time',
            because: expect.stringContaining('cannot list it'),
          })
          // Who has heard its sender knows all the same.
          const picture = await stage.heard(id)
          const heard = await explain(stage.app, id, { nodes: stage.nodes, timeoutMs: 5_000, ...options, picture })
          expect(heard.reasons[0]).toMatchObject({ code, text: expect.stringMatching(/as its sender said\.$/) })
          return
        }
        const why = await stage.why(id, code, options, text)
        expect(why.reasons[0]).toMatchObject({ code, text: expect.stringMatching(text) })
      })
    }

    test('what nobody else can read is said to be unknown', { timeout: 200_000 }, async () => {
      const id = await stage.send('why.add', 'free', {}, [1, 2])
      await stage.settled(id)
      const apart = stage.application({ backend: 'rpc://' })
      const why = await explain(apart, id, { nodes: stage.nodes, timeoutMs: 5_000 })
      expect(why.reasons[0]).toMatchObject({ code: 'UNKNOWN_ID', certainty: 'likely' })
      expect(why.unknown).toContainEqual({ what: 'its result', because: 'over rpc:// only who sent it can read it' })
    })

    test('BROKER_UNREACHABLE', { timeout: 200_000 }, async () => {
      const lost = stage.application({ broker: place.away }, { connectTimeout: '1s' })
      const why = await explain(lost, 'anything')
      expect(why.reasons[0]).toMatchObject({ code: 'BROKER_UNREACHABLE', certainty: 'certain' })
    })
  })
}

told('the embedded broker', [], async () => {
  const url = `embedded://${temporaryFolder()}`
  return { broker: url, backend: url, store: url, away: 'embedded:///proc/nowhere' }
})

let redis: RedisNode
beforeAll(async () => {
  redis = await RedisNode.start()
})
afterAll(() => redis?.remove())

told('Redis', ['redis'], async () => ({
  broker: redis.url(0),
  backend: redis.url(1),
  store: redis.url(2),
  away: `redis://127.0.0.1:${await freePort()}/0`,
}))

told('RabbitMQ', ['rabbitmq', 'redis'], async () => {
  const broker = await brokerUrl(import.meta.url)
  await makeDelays(broker)
  return { broker, backend: redis.url(4), store: redis.url(5), away: `amqp://127.0.0.1:${await freePort()}` }
})
