import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { AskedPeers, type AskPeers, type PeerReply } from '../../src/worker/peers.ts'

type Answers = Record<string, { tasks?: unknown; queues?: unknown }>

/** Nodes as they answer, and how often they were asked. */
function peersOf(answers: () => Answers, self?: string): { peers: AskedPeers; clock: VirtualClock; asked: string[] } {
  const clock = new VirtualClock()
  const asked: string[] = []
  const ask: AskPeers = async (command, _given, timeoutMs, onReply) => {
    asked.push(`${command} ${timeoutMs}`)
    for (const [hostname, { tasks, queues }] of Object.entries(answers())) {
      const value = command === 'registered' ? tasks : queues
      if (value !== undefined) onReply({ hostname, value } satisfies PeerReply)
    }
    await Promise.resolve()
  }
  return { peers: new AskedPeers(ask, clock, self), clock, asked }
}

const reads = (...names: string[]): unknown => names.map((name) => ({ name, exchange: {} }))

test('a task is known where one node reads the queue and has it, whatever else is said of it', async () => {
  const { peers } = peersOf(() => ({
    'celery@one': { tasks: ['shop.add', 'shop.pay [rate_limit=10/m]'], queues: reads('celery', 'other') },
    'celery@two': { tasks: ['shop.only'], queues: reads('elsewhere') },
  }))
  expect(await peers.know('shop.pay', 'celery')).toBe(true)
  expect(await peers.know('shop.only', 'celery')).toBe(false)
  expect(await peers.know('shop', 'other')).toBe(false)
})

test('what was found is believed for a while, and many ask once', async () => {
  let answers: Answers = { a: { tasks: ['t'], queues: reads('q') } }
  const { peers, clock, asked } = peersOf(() => answers)
  expect(await Promise.all([peers.know('t', 'q'), peers.know('t', 'q')])).toEqual([true, true])
  expect(asked).toEqual(['registered 1000', 'active_queues 1000'])
  answers = {}
  expect(await peers.know('t', 'q')).toBe(true)
  expect(asked).toHaveLength(2)
  clock.advance(60_001)
  expect(await peers.know('t', 'q')).toBe(false)
})

test('a task that somebody knew a moment ago is not given up while its worker is started anew', async () => {
  let answers: Answers = { a: { tasks: ['t'], queues: reads('q') } }
  const { peers, clock } = peersOf(() => answers)
  await peers.know('t', 'q')
  answers = { b: { tasks: ['other'], queues: reads('q') } }
  clock.advance(30_000)
  expect(await peers.know('t', 'q')).toBe(true)
  expect(await peers.know('t', 'elsewhere')).toBe(false)
  clock.advance(30_001)
  expect(await peers.know('t', 'q')).toBe(false)
})

test('a node that does not answer any more is asked once again, with more time, and then forgotten', async () => {
  let answers: Answers = { a: { tasks: ['t'], queues: reads('q') } }
  const { peers, clock, asked } = peersOf(() => answers)
  await peers.know('t', 'q')
  answers = {}
  clock.advance(60_001)
  asked.length = 0
  expect(await peers.know('t', 'q')).toBe(false)
  expect(asked).toEqual(['registered 1000', 'active_queues 1000', 'registered 3000', 'active_queues 3000'])
  clock.advance(1_001)
  asked.length = 0
  expect(await peers.know('t', 'q')).toBe(false)
  expect(asked).toHaveLength(2)
})

test('answers that are none count for nothing, and where nobody can be asked somebody may know', async () => {
  const { peers } = peersOf(() => ({ a: { tasks: { error: 'no' }, queues: reads('q') }, b: { tasks: ['t'] } }))
  expect(await peers.know('t', 'q')).toBe(false)
  const clock = new VirtualClock()
  const failing = new AskedPeers(() => Promise.reject(new Error('no broker')), clock)
  expect(await failing.know('t', 'q')).toBe(true)
})

test('a node that is met for the first time, and tells one half in time, is asked for the other again', async () => {
  const { peers, asked } = peersOf(() => ({
    a: { tasks: ['t'], ...(asked.length > 2 && { queues: reads('q') }) },
  }))
  expect(await peers.know('t', 'q')).toBe(true)
  expect(asked).toEqual(['registered 1000', 'active_queues 1000', 'registered 3000', 'active_queues 3000'])
})

test('who does not hear its own answer hears nobody: the task may be known', async () => {
  let answers: Answers = {}
  const { peers, asked } = peersOf(() => answers, 'me')
  expect(await peers.know('t', 'q')).toBe(true)
  expect(asked).toEqual(['registered 1000', 'active_queues 1000', 'registered 3000', 'active_queues 3000'])
  // Nor is that believed a moment later.
  expect(await peers.know('t', 'q')).toBe(true)
  answers = { me: { tasks: [], queues: reads('q') } }
  expect(await peers.know('t', 'q')).toBe(false)
})
