// The rows of the list: the newest page comes live, older pages are asked for, and together they are one list.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskList, TaskRow } from '../../src/dashboard/api.ts'
import { get, query } from '../live/fetching.ts'
import { useLive, type Live } from '../live/live.ts'
import { toastError } from '../shell/toasts.tsx'
import { KnownRows, PAGE } from './known-rows.ts'

export interface TaskRows {
  readonly live: Live<TaskList>
  /** The newest answer that there is: that of the filter before while the new one is asked. */
  readonly list: TaskList | undefined
  readonly rows: readonly TaskRow[]
  /** Those of this filter have not come yet. */
  readonly isAsking: boolean
  /** How many have come that are not among the rows, because those are held still; at most `MOST_FRESH`. */
  readonly fresh: number
  loadMore(): void
}

/** The tasks that match. While `isHeld`, what comes new waits, so that nothing moves under a hand. */
export function useTaskRows(q: string, isHeld: boolean): TaskRows {
  const live = useLive<TaskList>('tasks', { q, limit: String(PAGE), facets: '1' })
  const known = useRef(new KnownRows(q))
  if (known.current.q !== q) known.current = new KnownRows(q)
  const { current } = known
  const held = isHeld && current.shown.length > 0 ? new Set(current.shown) : undefined
  const [, redraw] = useState(0)
  const newest = live.data.value
  const last = useRef<TaskList>(undefined)
  const taken = useRef<TaskList>(undefined)
  if (newest && taken.current !== newest) {
    taken.current = newest
    last.current = newest
    current.take(newest.rows, held)
  }
  const all = newest ? current.sorted() : []
  const rows = held ? current.shown.flatMap((id) => current.byId.get(id) ?? []) : all
  useEffect(() => {
    if (!held) current.shown = rows.map(({ id }) => id)
  })

  const loadMore = (): void => {
    const cursor = current.cursor === undefined ? newest?.before : current.cursor
    if (current.isLoading || !cursor) return
    current.isLoading = true
    get<TaskList>(`tasks?${query({ q, limit: PAGE, before: cursor })}`)
      .then((page) => {
        current.add(page.rows, page.before)
        if (held) current.shown = [...current.shown, ...page.rows.map(({ id }) => id).filter((id) => !held.has(id))]
        redraw((n) => n + 1)
      })
      .catch(toastError)
      .finally(() => (current.isLoading = false))
  }
  return {
    live,
    list: newest ?? last.current,
    rows,
    isAsking: newest === undefined,
    fresh: held ? all.filter(({ id }) => !held.has(id)).length : 0,
    loadMore,
  }
}
