import type { TaskMoment, TaskPicture } from '../fleet/task-picture.ts'
import { isLovageError } from '../base/errors.ts'
import type { DashboardContext } from './context.ts'
import { FlowerRefusal, type FlowerArguments } from './flower-request.ts'

/** Most tasks that one answer has, and most that are looked at to sort them. */
const MOST = 10_000
const PAGE = 1_000

/** More than these are not asked for their children one by one. */
const MOST_FAMILIES = 500

const SORTS = ['name', 'state', 'received', 'started'] as const

/** Fields of a task in Flower's order. */
export function taskOf(context: DashboardContext, picture: TaskPicture, hasFamily = true): Record<string, unknown> {
  const { uuid, at } = picture
  const told = (value: unknown): unknown => value ?? null
  const when = (moment: TaskMoment): number | null => at[moment] ?? null
  const family = hasFamily ? (context.tasks.detail(uuid)?.family ?? []) : []
  const root = picture.rootId ?? uuid
  return {
    uuid,
    name: told(picture.name),
    state: picture.state,
    received: when('received'),
    sent: when('sent'),
    started: when('started'),
    rejected: when('rejected'),
    succeeded: when('succeeded'),
    failed: when('failed'),
    retried: when('retried'),
    revoked: when('revoked'),
    args: told(picture.args),
    kwargs: told(picture.kwargs),
    eta: told(picture.eta),
    expires: told(picture.expires),
    retries: told(picture.retries),
    worker: told(picture.worker),
    result: told(picture.result),
    exception: told(picture.exception),
    timestamp: picture.timestamp,
    runtime: told(picture.runtime),
    traceback: told(picture.traceback),
    exchange: told(picture.exchange),
    routing_key: told(picture.routingKey),
    clock: picture.clock,
    client: told(picture.client),
    root,
    root_id: root,
    parent: told(picture.parentId),
    parent_id: told(picture.parentId),
    children: family.filter(({ parentId }) => parentId === uuid).map(({ id }) => id),
  }
}

/**
 * `GET /api/tasks`: by the id of each.
 * @throws FlowerRefusal
 */
export async function listTasks(context: DashboardContext, given: FlowerArguments): Promise<Record<string, unknown>> {
  const sortBy = given.text('sort_by')
  const [sort, isDescending] = sortBy?.startsWith('-') ? [sortBy.slice(1), true] : [sortBy, false]
  if (sort !== undefined && !SORTS.includes(sort as (typeof SORTS)[number])) {
    throw new FlowerRefusal(400, `Invalid argument '${sortBy}' of type 'sort_by'`)
  }
  const limit = Math.min(Math.max(given.whole('limit') ?? MOST, 0), MOST)
  const offset = Math.min(Math.max(given.whole('offset') ?? 0, 0), MOST)
  const isWanted = wanted(given)
  const found: TaskPicture[] = []
  let before: string | null | undefined
  let looked = 0
  do {
    const page = await context.tasks.query(filterOf(given), { limit: PAGE, ...(before && { before }) })
    for (const { id } of page.rows) {
      const picture = context.tasks.picture(id)
      if (picture && isWanted(picture)) found.push(picture)
    }
    looked += page.rows.length
    ;({ before } = page)
    // Without an order of their own the first that are found are the newest.
  } while (before !== null && looked < 20 * MOST && found.length < (sort === undefined ? offset + limit : MOST))
  if (sort !== undefined) found.sort(order(sort as (typeof SORTS)[number], isDescending))
  const shown = found.slice(offset, offset + limit)
  const hasFamily = shown.length <= MOST_FAMILIES
  return Object.fromEntries(
    shown.map((picture) => {
      const { worker, ...task } = taskOf(context, picture, hasFamily)
      return [picture.uuid, worker === null ? task : { ...task, worker }]
    }),
  )
}

/** What of it our own filter can look for; Flower's search is a part of that language. */
function filterOf(given: FlowerArguments): string {
  const terms = (['state', 'name', 'worker'] as const).flatMap((field) => {
    const value = chosen(given, { state: 'state', name: 'taskname', worker: 'workername' }[field])
    return value !== undefined && /^[\w.@:/-]+$/.test(value) ? [`${field}:"${value}"`] : []
  })
  const search = given.text('search')
  return [...terms, ...(search === undefined || search === '' ? [] : [terms.length > 0 ? `(${search})` : search])].join(
    ' ',
  )
}

function chosen(given: FlowerArguments, name: string): string | undefined {
  const value = given.text(name)
  return value === 'All' || value === '' ? undefined : value
}

function wanted(given: FlowerArguments): (task: TaskPicture) => boolean {
  const [worker, name, state] = ['workername', 'taskname', 'state'].map((each) => chosen(given, each)?.toLowerCase())
  const [from, to] = [timeOf(given.text('received_start')), timeOf(given.text('received_end'))]
  return (task) => {
    const { received } = task.at
    return (
      (worker === undefined || task.worker?.toLowerCase() === worker) &&
      (name === undefined || task.name?.toLowerCase() === name) &&
      (state === undefined || task.state.toLowerCase() === state) &&
      (from === undefined || received === undefined || received >= from) &&
      (to === undefined || received === undefined || received <= to)
    )
  }
}

/** `2026-01-31 09:30`, by the clock of this machine, in epoch seconds. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2})$/.exec(text)
  if (!match) throw new FlowerRefusal(400, `Invalid argument '${text}' of type 'date'`)
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [number, number, number, number, number]
  return new Date(year, month - 1, day, hour, minute).getTime() / 1000
}

function order(sort: (typeof SORTS)[number], isDescending: boolean): (a: TaskPicture, b: TaskPicture) => number {
  const keyOf = (task: TaskPicture): string | number | undefined =>
    sort === 'received' || sort === 'started' ? task.at[sort] : task[sort]?.toLowerCase()
  const compare = (a: TaskPicture, b: TaskPicture): number => {
    const [x, y] = [keyOf(a), keyOf(b)]
    // Those that have none come first.
    if (x === undefined || y === undefined) return Number(x !== undefined) - Number(y !== undefined)
    return x < y ? -1 : Number(x > y)
  }
  return isDescending ? (a, b) => compare(b, a) : compare
}

/** Whether a search is one that cannot be read, and how Flower says so. */
export function searchProblem(error: unknown): { readonly error: string } | undefined {
  return isLovageError(error, 'FILTER_INVALID') ? { error: `${error.message}.` } : undefined
}
