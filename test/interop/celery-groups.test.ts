import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ResultBackend } from '../../src/backend/backend.ts'
import type { ResultGroups } from '../../src/backend/groups.ts'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { describeWith } from '../services/available.ts'
import { startScript } from '../services/python.ts'
import { RedisNode } from '../services/redis-node.ts'

/** What every script has. What it says in JSON is what it came to. */
const PRELUDE = `
import json, os
from types import SimpleNamespace
from celery import Celery
from celery.result import GroupResult, AsyncResult
app = Celery('groups', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.set_default()
backend = app.backend
def say(what): print('SAID ' + json.dumps(what))
def part(gid, tid, state, result, index, size_of=2):
    request = SimpleNamespace(id=tid, group=gid, group_index=index, chord=app.signature('body.task', task_id='body'))
    backend.on_chord_part_return(request, state, result)
`

/** Python's own result backend, and ours, over the same groups. */
describeWith(['redis', 'celery'], 'groups and chords that Python and Lovage share', () => {
  let redis: RedisNode
  let raw: Redis
  let backend: ResultBackend
  let groups: ResultGroups

  beforeAll(async () => {
    redis = await RedisNode.start()
    raw = new Redis({ port: redis.port })
    backend = openBackend(redis.url(), { broker: openBroker(`memory://${randomUUID()}`) })
    await backend.start()
    groups = backend.groups as ResultGroups
  })
  afterAll(async () => {
    await backend?.stop()
    raw?.disconnect()
    await redis?.remove()
  })

  const python = async (script: string): Promise<unknown> => {
    const child = startScript(PRELUDE + script, { env: { BROKER: redis.url(1), BACKEND: redis.url() } })
    const line = await child.line(/^SAID /, { timeoutMs: 60_000 })
    await child.exited
    return JSON.parse(line.replace('SAID ', ''))
  }

  /** Arguments of the one message that Python has sent. */
  const sent = async (): Promise<unknown> => {
    const queue = new Redis({ port: redis.port, db: 1 })
    try {
      const messages = await queue.lrange('celery', 0, -1)
      expect(messages.length).toBe(1)
      await queue.flushdb()
      const { body, headers } = JSON.parse(messages[0] as string) as { body: string; headers: { task: string } }
      const [args] = JSON.parse(Buffer.from(body, 'base64').toString()) as [unknown]
      return [headers.task, args]
    } finally {
      queue.disconnect()
    }
  }

  test('a group that Python has saved is restored, and one that we have saved Python restores', async () => {
    const saved = await python(`
inner = GroupResult('inner', [AsyncResult('c'), AsyncResult('d')])
group = GroupResult('theirs', [AsyncResult('a'), AsyncResult('b', parent=AsyncResult('before')), inner])
group.save()
say(group.as_tuple())
`)
    const group = await groups.restoreGroup('theirs')
    expect(group).toEqual({
      id: 'theirs',
      children: [
        { id: 'a' },
        { id: 'b', parent: { id: 'before' } },
        { id: 'inner', children: [{ id: 'c' }, { id: 'd' }] },
      ],
    })
    await groups.saveGroup({ ...group, id: 'ours' })
    const restored = await python(`
group = GroupResult.restore('ours')
say([group.as_tuple(), [type(one).__name__ for one in group.results]])
`)
    const tuple = JSON.parse(JSON.stringify(saved).replace('theirs', 'ours')) as unknown
    expect(restored).toEqual([tuple, ['AsyncResult', 'AsyncResult', 'GroupResult']])
    await python(`backend.delete_group('ours')\nsay(1)`)
    expect(await groups.restoreGroup('ours')).toBeUndefined()
  })

  test('a part of ours is counted by Python, whose last part sends the body with the values of both', async () => {
    await python(`backend.set_chord_size('mixed', 2)\nsay(1)`)
    const counted = await groups.addPart('mixed', { id: 'us', state: 'SUCCESS', result: { value: { ü: [1, 2.5] } } }, 1)
    expect(counted).toEqual({ parts: 1, size: 2, isComplete: false })
    await python(`part('mixed', 'them', 'SUCCESS', 'there', 0)\nsay(1)`)
    expect(await sent()).toEqual(['body.task', [['there', { ü: [1, 2.5] }]]])
    expect(await raw.keys('celery-taskset-meta-mixed*')).toEqual([])
  })

  test('a failed part of ours fails the chord for Python', async () => {
    await groups.setChordSize('failing', 2)
    const result = { value: { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' } }
    await groups.addPart('failing', { id: 'us', state: 'FAILURE', result }, 0)
    const meta = await python(`
part('failing', 'them', 'SUCCESS', 1, 1)
say([app.AsyncResult('body').state, repr(app.AsyncResult('body').result)])
`)
    expect(meta).toEqual(['FAILURE', expect.stringContaining("Dependency us raised ValueError('boom', 42)")])
  })

  test('parts of Python are counted by us, whose last part completes the chord', async () => {
    await python(`
backend.set_chord_size('mine', 2)
backend.add_to_chord('mine', None)
part('mine', 'a', 'SUCCESS', [1, 'ä'], 0)
part('mine', 'b', 'FAILURE', ValueError('boom'), 1)
say(1)
`)
    const last = await groups.addPart('mine', { id: 'c', state: 'SUCCESS', result: { value: 3 } }, undefined)
    expect(last).toEqual({ parts: 3, size: 3, isComplete: true })
    const parts = await groups.chordParts('mine')
    expect(parts.map(({ id, state, result }) => [id, state, payloadValue(result)])).toEqual([
      ['a', 'SUCCESS', [1, 'ä']],
      ['b', 'FAILURE', { exc_type: 'ValueError', exc_message: ['boom'], exc_module: 'builtins' }],
      ['c', 'SUCCESS', 3],
    ])
    await groups.endChord('mine')
    expect(await raw.keys('celery-taskset-meta-mine*')).toEqual([])
  })

  test('a part that both have stored is one part for us', async () => {
    await groups.setChordSize('both', 2)
    await python(`part('both', 'a', 'SUCCESS', 'theirs', 0)\nsay(1)`)
    expect(await groups.addPart('both', { id: 'a', state: 'SUCCESS', result: { value: 'ours' } }, 0)).toMatchObject({
      parts: 1,
      isComplete: false,
    })
  })
})
