import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ChordCount, ResultGroups } from '../../src/backend/groups.ts'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { payloadValue } from '../../src/protocol/outcome.ts'
import { describeWith } from '../services/available.ts'
import { RedisScene } from '../services/redis-scene.ts'

const FAILED = { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' }

describeWith(['redis'], 'groups and chords in Redis', () => {
  const redis = new RedisScene()

  const groups = async (query = '', resultExpiresMs = 86_400_000): Promise<ResultGroups> => {
    const broker = openBroker(`memory://${randomUUID()}`)
    const backend = await redis.started(openBackend(`${redis.url()}${query}`, { broker, resultExpiresMs }))
    return backend.groups as ResultGroups
  }

  const succeeded = (id: string, value: unknown): Parameters<ResultGroups['addPart']>[1] => {
    return { id, state: 'SUCCESS', result: { value } }
  }

  test('a saved group stands as Celery writes it, for its time, and comes back with all that hangs on it', async () => {
    const one = await groups()
    const group = {
      id: 'gid',
      parent: { id: 'before', parent: { id: 'first' } },
      children: [{ id: 'a' }, { id: 'inner', children: [{ id: 'b' }] }],
    }
    await one.saveGroup(group)
    expect(await redis.raw.get('celery-taskset-meta-gid')).toBe(
      '{"result": [["gid", [["before", [["first", null], null]], null]], ' +
        '[[["a", null], null], [["inner", null], [[["b", null], null]]]]]}',
    )
    expect(await redis.raw.ttl('celery-taskset-meta-gid')).toBeGreaterThan(86_000)
    expect(await one.restoreGroup('gid')).toEqual(group)
    await one.deleteGroup('gid')
    expect(await one.restoreGroup('gid')).toBeUndefined()
  })

  test('what is no group is said to be none', async () => {
    const one = await groups()
    const others = ['1', '{}', '{"result": ["id"]}', '{"result": [[7, null], null]}', '{"result": [["x", null], 3]}']
    for (const text of others) {
      await redis.raw.set('celery-taskset-meta-odd', text)
      await expect(one.restoreGroup('odd'), text).rejects.toMatchObject({ code: 'BODY_UNDECODABLE' })
    }
    await redis.raw.set('celery-taskset-meta-old', '{"result": ["old", [["a", null]]]}')
    expect(await one.restoreGroup('old')).toEqual({ id: 'old', children: [{ id: 'a' }] })
  })

  test('parts stand as Celery writes them, in the order of the group, and the last one completes it', async () => {
    const one = await groups()
    expect(await one.setChordSize('c', 3)).toEqual({ parts: 0, size: 3, isComplete: false })
    await one.addPart('c', { id: 't1', state: 'FAILURE', result: { value: FAILED } }, 1)
    await one.addPart('c', { id: 't2', state: 'SUCCESS', result: { text: '{"a": [1.0]}' } }, 2)
    expect(await one.addPart('c', succeeded('t0', 'ü'), 0)).toEqual({ parts: 3, size: 3, isComplete: true })
    expect(await redis.raw.zrange('celery-taskset-meta-c.j', '0', '-1', 'WITHSCORES')).toEqual([
      '[1, "t0", "SUCCESS", "\\u00fc"]',
      '0',
      '[1, "t1", "FAILURE", {"exc_type": "ValueError", "exc_message": ["boom", 42], "exc_module": "builtins"}]',
      '1',
      '[1, "t2", "SUCCESS", {"a": [1.0]}]',
      '2',
    ])
    expect(await redis.raw.get('celery-taskset-meta-c.s')).toBe('3')
    for (const end of ['j', 's']) expect(await redis.raw.ttl(`celery-taskset-meta-c.${end}`)).toBeGreaterThan(86_000)
    const parts = await one.chordParts('c')
    expect(parts.map(({ id, state, result }) => [id, state, payloadValue(result)])).toEqual([
      ['t0', 'SUCCESS', 'ü'],
      ['t1', 'FAILURE', FAILED],
      ['t2', 'SUCCESS', { a: [1] }],
    ])
    await one.endChord('c')
    expect(await redis.raw.keys('*-c.*')).toEqual([])
    expect(await one.chordParts('c')).toEqual([])
  })

  test('a task that ends twice counts once, and who repeats the last part is told again that it is complete', async () => {
    const one = await groups()
    await one.setChordSize('twice', 2)
    await one.addPart('twice', succeeded('a', 1), 0)
    expect(await one.addPart('twice', succeeded('a', 'another result'), 0)).toMatchObject({ parts: 1 })
    for (let time = 0; time < 2; time++) {
      expect(await one.addPart('twice', succeeded('b', 2), 1)).toEqual({ parts: 2, size: 2, isComplete: true })
    }
    expect((await one.chordParts('twice')).map(({ result }) => payloadValue(result))).toEqual([1, 2])
  })

  test('of parts that all come at once, one at least is told that it was the last, whoever says the size and when', async () => {
    const [one, two] = [await groups(), await groups()]
    const size = 200
    const add = (nth: number): Promise<ChordCount> =>
      (nth % 2 ? one : two).addPart('many', succeeded(`m${nth}`, nth), nth % 3 === 0 ? undefined : nth)
    const numbers = Array.from({ length: size }, (_, nth) => nth)
    const half = numbers.splice(0, size / 2)
    const counts = await Promise.all([...half.map(add), one.setChordSize('many', size), ...numbers.map(add)])
    expect(counts.filter(({ isComplete }) => isComplete).length).toBe(1)
    for (const nth of [0, 1, 2]) {
      const { size: known, isComplete } = await two.addPart('late', succeeded(`m${nth}`, nth), nth)
      expect([known, isComplete]).toEqual([undefined, false])
    }
    expect(await one.setChordSize('late', 3)).toEqual({ parts: 3, size: 3, isComplete: true })
  })

  test('a task that is added while the header runs makes it larger, once', async () => {
    const one = await groups()
    await one.setChordSize('grows', 1)
    expect(await one.addToChord('grows', 'more')).toMatchObject({ size: 2 })
    expect(await one.addToChord('grows', 'more')).toMatchObject({ size: 2 })
    expect(await redis.raw.get('celery-taskset-meta-grows.t')).toBe('1')
    expect(await one.addPart('grows', succeeded('a', 1), 0)).toMatchObject({ isComplete: false })
    expect(await one.addPart('grows', succeeded('more', 2), undefined)).toMatchObject({ isComplete: true })
    await one.endChord('grows')
    expect(await redis.raw.keys('*grows*')).toEqual([])
  })

  test('where Celery keeps no order, parts are a list, made by whom it may be', async () => {
    const one = await groups('?result_chord_ordered=false')
    await one.setChordSize('list', 3)
    await one.addPart('list', succeeded('b', 2), 1)
    const other = await groups()
    await other.addPart('list', succeeded('a', 1), 0)
    await other.addPart('list', succeeded('a', 1), 0)
    expect(await redis.raw.lrange('celery-taskset-meta-list.j', 0, -1)).toEqual([
      '[1, "b", "SUCCESS", 2]',
      '[1, "a", "SUCCESS", 1]',
    ])
    expect((await one.chordParts('list')).length).toBe(2)
  })

  test('keys have the prefix of all, and no end where results never expire', async () => {
    const one = await groups('?global_keyprefix=shop', 0)
    await one.setChordSize('p', 2)
    await one.addToChord('p', 'x')
    await one.addPart('p', succeeded('a', 1), 0)
    await one.saveGroup({ id: 'p', children: [] })
    const keys = (await redis.raw.keys('*')).filter((key) => key.startsWith('shop_'))
    expect(keys.toSorted()).toEqual([
      'shop__lovage.v1.added.p',
      'shop_celery-taskset-meta-p',
      'shop_celery-taskset-meta-p.j',
      'shop_celery-taskset-meta-p.s',
      'shop_celery-taskset-meta-p.t',
    ])
    for (const key of keys) expect(await redis.raw.ttl(key)).toBe(-1)
  })

  test('a backend that is stopped says so', async () => {
    const one = await groups()
    await redis.stopAll()
    await expect(one.setChordSize('x', 1)).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
  })
})
