import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HeardEvent } from '../../src/fleet/listener.ts'
import { isAlive, Picture } from '../../src/fleet/picture.ts'
import { encodeEvent, eventText, readEvents } from '../../src/protocol/event.ts'
import { describeWith } from '../services/available.ts'
import { PYTHON } from '../services/python.ts'

/** Celery's own picture of the same events: `values` is a list of lists of bodies. */
const CELERYS = `
import json, sys
from celery.events.state import State
results = []
for events in json.load(sys.stdin):
    state = State()
    for number, body in enumerate(events):
        state.event(dict(body, local_received=1000.0 + number))
    now = 1000.0 + len(events)
    fields = ('state', 'name', 'args', 'kwargs', 'result', 'exception', 'runtime', 'retries', 'parent_id', 'client')
    tasks = {}
    for uuid, task in state.tasks.items():
        tasks[uuid] = {name: getattr(task, name) for name in fields}
        tasks[uuid]['worker'] = task.worker and task.worker.hostname
    alive = {w.hostname: bool(w.heartbeats) and now < w.heartbeat_expires for w in state.workers.values()}
    results.append({'tasks': tasks, 'alive': alive})
print(json.dumps(results))
`

const DETAILS: Readonly<Record<string, fc.Arbitrary<Record<string, unknown>>>> = {
  'task-sent': fc.record({ name: fc.constantFrom('a', 'b'), args: fc.constantFrom('()', '(1,)') }),
  'task-received': fc.record({
    name: fc.constantFrom('a', 'b'),
    args: fc.constantFrom('()', '(1,)', '(2,)'),
    kwargs: fc.constantFrom('{}', "{'x': 1}"),
    retries: fc.nat(3),
    parent_id: fc.constantFrom('p', 'q'),
  }),
  'task-started': fc.constant({}),
  'task-succeeded': fc.record({ result: fc.constantFrom('1', '2'), runtime: fc.constantFrom(0.5, 2.25) }),
  'task-failed': fc.record({ exception: fc.constantFrom("ValueError('x')", 'KeyError(1)') }),
  'task-retried': fc.record({ exception: fc.constantFrom("ValueError('y')") }),
  'task-revoked': fc.record({ expired: fc.boolean() }),
  'task-rejected': fc.record({ requeue: fc.boolean() }),
  'task-progress': fc.record({ result: fc.constantFrom('half') }),
  'worker-online': fc.record({ freq: fc.constantFrom(2, 5) }),
  'worker-heartbeat': fc.record({ freq: fc.constantFrom(2, 5) }),
}

const anyEvent = fc.constantFrom(...Object.keys(DETAILS)).chain((type) =>
  fc.record({
    type: fc.constant(type),
    details: DETAILS[type] as fc.Arbitrary<Record<string, unknown>>,
    uuid: fc.constantFrom('i', 'j', 'k'),
    hostname: type === 'task-sent' ? fc.constant('gen1@h') : fc.constantFrom('w@h', 'v@h'),
  }),
)

function heard(
  number: number,
  { type, details, uuid, hostname }: typeof anyEvent extends fc.Arbitrary<infer One> ? One : never,
): HeardEvent {
  const fields = type.startsWith('task-') ? { uuid, ...details } : details
  const heardAtMs = (1000 + number) * 1000
  return { type, hostname, utcoffset: 0, pid: 1, clock: number, timestamp: 1000 + number, heardAtMs, fields }
}

/** What both pictures show, in Celery's words. */
function shownBy(events: readonly HeardEvent[]): object {
  const picture = new Picture()
  for (const event of events) {
    // Once through the wire, as they come.
    const [read] = readEvents(encodeEvent(event)).events
    if (read) picture.hear({ ...read, heardAtMs: event.heardAtMs })
  }
  const tasks = picture.tasks.map((task) => {
    const { uuid, state, name, args, kwargs, result, exception, runtime, retries, client, worker } = task
    const told = { name, args, kwargs, result, exception, runtime, retries, parent_id: task.parentId, client, worker }
    const none = Object.fromEntries(Object.entries(told).map(([key, value]) => [key, value ?? null]))
    return [uuid, { ...none, state }]
  })
  const nowMs = (1000 + events.length) * 1000
  const alive = picture.workers.map((worker) => [worker.hostname, isAlive(worker, nowMs)])
  return { tasks: Object.fromEntries(tasks), alive: Object.fromEntries(alive) }
}

describeWith(['celery'], 'the picture of a fleet', () => {
  test('is the one that Celery makes of the same events, in whatever order they come', () => {
    const samples = fc
      .sample(fc.array(anyEvent, { minLength: 1, maxLength: 40 }), { numRuns: 300, seed: 20260826 })
      .map((events) => events.map((event, number) => heard(number, event)))
    const bodies = samples.map((events) => events.map((event) => JSON.parse(eventText(event)) as object))
    const output = execFileSync(PYTHON, ['-c', CELERYS], {
      input: JSON.stringify(bodies),
      encoding: 'utf8',
      cwd: tmpdir(),
      maxBuffer: 2 ** 28,
      timeout: 60_000,
    })
    const theirs = JSON.parse(output) as object[]
    expect(theirs).toHaveLength(samples.length)
    for (const [at, events] of samples.entries()) {
      expect(shownBy(events), events.map(eventText).join('\n')).toEqual(theirs[at])
    }
  })
})
