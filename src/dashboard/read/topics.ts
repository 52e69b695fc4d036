import { LovageError } from '../../base/errors.ts'
import type { TaskDetail, TaskList } from '../api-tasks.ts'
import type { Topic } from '../api.ts'
import { parseFilter } from '../filter/parse.ts'
import { runQuery } from '../filter/query.ts'
import { isRange, overviewOf } from './overview.ts'
import type { TopicParts } from './topic-parts.ts'

/** Rows of one page of tasks, at most. */
const MOST_ROWS = 1_000
const ROWS = 100

/** What is asked for of a topic: the query of the request. */
export type Asked = Readonly<Record<string, string | undefined>>

/** What `GET <topic>` answers, and the stream tells: one reading for both. */
export class Topics {
  readonly #parts: TopicParts
  readonly #provided = new Map<Topic, () => unknown>()

  constructor(parts: TopicParts) {
    this.#parts = parts
  }

  provide(topic: Topic, read: () => unknown): void {
    this.#provided.set(topic, read)
  }

  /** @throws LovageError `FILTER_INVALID`, `OPTION_INVALID`, `DASHBOARD_UNKNOWN` */
  async read(topic: Topic, asked: Asked): Promise<unknown> {
    const { clock, fleet, timetable, hosts } = this.#parts
    const provided = this.#provided.get(topic)
    if (provided) return provided()
    switch (topic) {
      case 'overview': {
        const range = asked['range'] ?? '15m'
        if (!isRange(range)) throw refused('range', range, 'Write 15m, 1h, 6h or 24h')
        return overviewOf(this.#parts, range, clock.now())
      }
      case 'tasks':
        return this.tasks(asked)
      case 'task':
        return this.task(asked['task'] ?? '')
      case 'workers':
        return fleet.workerList()
      case 'queues':
        return fleet.queueList()
      case 'schedules':
        return timetable.list()
      case 'gateways':
        return fleet.gateways.list(clock.now(), fleet.staleBecause)
      case 'processes':
        return hosts.list()
      default:
        return {}
    }
  }

  async tasks(asked: Asked): Promise<TaskList> {
    const { clock, fleet, index } = this.#parts
    const filter = parseFilter(asked['q'] ?? '')
    const limit = wholeOf('limit', asked['limit'], 1, MOST_ROWS) ?? ROWS
    const before = wholeOf('before', asked['before'], -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const list = await runQuery(index.table, { filter, limit, before, facets: asked['facets'] === '1' }, clock)
    const { staleBecause } = fleet
    const asOfMs = Math.max(index.heardAtMs, fleet.asOfMs)
    return { ...list, asOfMs, ...(staleBecause !== undefined && { staleBecause }) }
  }

  task(id: string): TaskDetail {
    const detail = this.#parts.index.detail(id)
    if (!detail) throw new LovageError('DASHBOARD_UNKNOWN', { what: 'task', name: id.slice(0, 255) })
    const { staleBecause } = this.#parts.fleet
    const progress = this.#parts.progress.of(detail)
    return { ...detail, ...progress, ...(staleBecause !== undefined && { staleBecause }) }
  }
}

/** The number that a parameter has; undefined: it is not there. */
export function wholeOf(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || text === '') return undefined
  const number = Number(text)
  if (/^-?\d{1,17}$/.test(text) && number >= least && number <= most) return number
  throw refused(option, text, `Write a whole number from ${least} to ${most}`)
}

function refused(option: string, text: string, fix: string): LovageError {
  const problem = `is ${JSON.stringify(text.slice(0, 60))}`
  return new LovageError('OPTION_INVALID', { option, where: 'the query of the request', problem, fix })
}
