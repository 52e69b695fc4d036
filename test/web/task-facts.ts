import type { Facet, Stretch, TaskDetail, TaskList, TaskRow, Why } from '../../src/dashboard/api.ts'

/** A text that would do harm if it were ever read as markup. */
export const HARMFUL = '<img src=x onerror="window.__harmed=1"><script>window.__harmed=1</script>'

const NAMES = ['mail.send', 'order.place', 'pdf.render', 'images.thumbnail', 'report.daily', 'search.reindex'] as const
const QUEUES = ['mail', 'default', 'reports', 'images', 'reports', 'default'] as const
const WORKERS = ['celery@w1', 'celery@w2', 'celery@w3'] as const
const ERRORS = [
  "TimeoutError('smtp.example timed out')",
  "OSError(28, 'No space left on device')",
  `ValueError('${HARMFUL}')`,
]

/** Draws the same numbers each time. */
export function drawing(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const hex = (draw: () => number, digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(draw() * 16).toString(16)).join('')

/** An id as Celery makes them. */
export const taskId = (draw: () => number): string =>
  `${hex(draw, 8)}-${hex(draw, 4)}-4${hex(draw, 3)}-a${hex(draw, 3)}-${hex(draw, 12)}`

/** Tasks of the last hour, the newest first. */
export function taskRows(count: number, nowMs: number): TaskRow[] {
  const draw = drawing(7)
  const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T
  return Array.from({ length: count }, (_, index) => {
    const updatedMs = nowMs - index * (3_600_000 / count) - draw() * 500
    const kind = Math.floor(draw() * NAMES.length)
    const chance = draw()
    const state =
      index === 3
        ? 'PENDING'
        : chance < 0.1
          ? 'FAILURE'
          : chance < 0.14
            ? 'RETRY'
            : chance < 0.17
              ? 'STARTED'
              : chance < 0.19
                ? 'REVOKED'
                : 'SUCCESS'
    const isOver = state === 'SUCCESS' || state === 'FAILURE'
    const hasBegun = isOver || state === 'STARTED' || state === 'RETRY'
    const waitMs = Math.round(draw() ** 4 * 14_000)
    const runMs = Math.round(draw() ** 3 * 30_000)
    const endedMs = isOver ? updatedMs : null
    const startedMs = hasBegun ? updatedMs - (isOver ? runMs : 0) : null
    const sentMs = (startedMs ?? updatedMs) - waitMs - 20
    return {
      id: `${hex(draw, 8)}-${hex(draw, 4)}-4${hex(draw, 3)}-8${hex(draw, 3)}-${hex(draw, 12)}`,
      name: index === 5 ? HARMFUL : at(NAMES, kind),
      state,
      queue: at(QUEUES, kind),
      worker: hasBegun ? at(WORKERS, Math.floor(draw() * 3)) : null,
      args: index === 5 ? `('${HARMFUL}',)` : `(${8_000 + index}, 'welcome')`,
      kwargs: '{}',
      error: state === 'FAILURE' || state === 'RETRY' ? at(ERRORS, index === 5 ? 2 : kind) : null,
      retries: state === 'RETRY' ? 1 + Math.floor(draw() * 3) : 0,
      sentMs,
      receivedMs: hasBegun ? sentMs + 15 : null,
      startedMs,
      endedMs,
      runMs: isOver ? runMs : null,
      waitMs: hasBegun ? waitMs : null,
      updatedMs,
    }
  })
}

type Key = 'state' | 'name' | 'queue' | 'worker' | 'error'

/** What matches a filter of `key:text` words; a word of another form has its offset returned. */
export function filtered(rows: readonly TaskRow[], q: string): readonly TaskRow[] | number {
  let found = rows
  for (const match of q.matchAll(/\S+/g)) {
    const [, key, text] = /^(state|name|queue|worker|error):(.+)$/.exec(match[0]) ?? []
    if (key === undefined || text === undefined) {
      // The times of the brush: the real server reads them; here everything is in range.
      if (/^(older|newer|after|before):/.test(match[0])) continue
      return match.index
    }
    const values = text.split(',').map((value) => value.toLowerCase().replaceAll('"', ''))
    found = found.filter((row) => values.some((value) => (row[key as Key] ?? '').toLowerCase().includes(value)))
  }
  return found
}

function facetOf(rows: readonly TaskRow[], key: Exclude<Key, 'error'>): Facet[] {
  const counts = new Map<string, number>()
  for (const row of rows) {
    const value = row[key]
    if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  return [...counts].map(([value, count]) => ({ value, count })).toSorted((a, b) => b.count - a.count)
}

/** `GET tasks` over these rows. */
export function taskList(all: readonly TaskRow[], params: URLSearchParams, nowMs: number): TaskList | number {
  const rows = filtered(all, params.get('q') ?? '')
  if (typeof rows === 'number') return rows
  const from = Number(params.get('before') ?? 0)
  const limit = Number(params.get('limit') ?? 100)
  const [stepMs, fromMs] = [60_000, nowMs - 3_600_000]
  const counts = Array.from({ length: 60 }, () => 0)
  for (const { updatedMs } of rows) {
    const index = Math.floor((updatedMs - fromMs) / stepMs)
    if (index >= 0 && index < 60) counts[index] = (counts[index] ?? 0) + 1
  }
  return {
    asOfMs: nowMs,
    rows: rows.slice(from, from + limit),
    before: from + limit < rows.length ? String(from + limit) : null,
    matching: rows.length,
    held: all.length,
    ...(params.has('facets')
      ? {
          facets: {
            state: facetOf(rows, 'state'),
            name: facetOf(rows, 'name'),
            queue: facetOf(rows, 'queue'),
            worker: facetOf(rows, 'worker'),
          },
          histogram: { stepMs, fromMs, counts },
        }
      : {}),
  }
}

function stretchesOf(row: TaskRow): Stretch[] {
  const { sentMs, receivedMs, startedMs, endedMs } = row
  const stretches: Stretch[] = []
  if (sentMs !== null) stretches.push({ kind: 'queued', fromMs: sentMs, toMs: receivedMs, attempt: 0 })
  if (receivedMs !== null) stretches.push({ kind: 'prefetched', fromMs: receivedMs, toMs: startedMs, attempt: 0 })
  if (startedMs !== null) stretches.push({ kind: 'running', fromMs: startedMs, toMs: endedMs, attempt: 0 })
  return stretches
}

/** `GET tasks/:id` */
export function taskDetail(row: TaskRow, all: readonly TaskRow[], nowMs: number): TaskDetail {
  const kin = all.slice(10, 14)
  const hasFailed = row.state === 'FAILURE'
  return {
    ...row,
    asOfMs: nowMs,
    stretches: stretchesOf(row),
    result: row.state === 'SUCCESS' ? "{'sent': True, 'to': 'ana@example.org'}" : null,
    traceback: hasFailed
      ? `Traceback (most recent call last):\n  File "tasks.py", line 12, in send\n    smtp.send(message)\n${row.error}`
      : null,
    exceptionType: hasFailed ? (row.error?.split('(')[0] ?? null) : null,
    etaMs: null,
    expiresMs: nowMs + 3_600_000,
    client: '4711@web-01',
    exchange: '',
    routingKey: row.queue,
    rootId: kin[0]?.id ?? null,
    parentId: kin[0]?.id ?? null,
    family: [
      ...kin.map(({ id, name, state }, index) => ({
        id,
        parentId: index === 0 ? null : (kin[index === 3 ? 1 : 0]?.id ?? null),
        name,
        state,
      })),
      { id: row.id, parentId: kin[0]?.id ?? null, name: row.name, state: row.state },
    ],
    progress: row.state === 'STARTED' ? { current: 37, total: 100, text: 'page 37' } : null,
    events: [
      { type: 'task-sent', atMs: row.sentMs ?? nowMs, worker: null },
      ...(row.receivedMs === null ? [] : [{ type: 'task-received', atMs: row.receivedMs, worker: row.worker }]),
      ...(row.startedMs === null ? [] : [{ type: 'task-started', atMs: row.startedMs, worker: row.worker }]),
      ...(row.endedMs === null
        ? []
        : [{ type: hasFailed ? 'task-failed' : 'task-succeeded', atMs: row.endedMs, worker: row.worker }]),
    ],
    actions: row.endedMs === null ? ['task-revoke', 'task-terminate'] : ['task-retry'],
  }
}

/** `GET tasks/:id/why` */
export function taskWhy(row: TaskRow): Why {
  return {
    id: row.id,
    state: row.state,
    reasons: [
      {
        code: 'NO_WORKER_READS_QUEUE',
        text: `No worker reads the queue ${row.queue}.`,
        fix: `Start one that does: lovage worker -Q ${row.queue}`,
        certainty: 'certain',
        evidence: 'lovage inspect active_queues',
      },
      { code: 'BEHIND_OTHERS', text: '12 messages wait before it.', certainty: 'likely' },
    ],
    unknown: [{ what: 'how long it has waited in the queue', because: 'RabbitMQ does not tell the age of a message' }],
  }
}
