// The rows of the list: the newest page comes live, older pages are asked for, and together they are one list.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { TaskList, TaskRow } from '../../src/dashboard/api.ts'
import { get, query } from '../live/fetching.ts'
import { useLive, type Live } from '../live/live.ts'
import { toastError } from '../shell/toasts.tsx'

const PAGE = 100

export interface TaskRows {
  readonly live: Live<TaskList>
  /** The newest answer that there is: that of the filter before while the new one is asked. */
  readonly list: TaskList | undefined
  readonly rows: readonly TaskRow[]
  /** How many have come that are not among the rows, because those are held still. */
  readonly fresh: number
  loadMore(): void
}

class Known {
  readonly q: string
  readonly byId = new Map<string, TaskRow>()
  /** Of the oldest page that was loaded; undefined: none was, besides the newest. */
  cursor: string | null | undefined
  shown: readonly string[] = []
  isLoading = false

  constructor(q: string) {
    this.q = q
  }

  /** Takes the newest page: what should be in it and is not no longer matches. */
  take(page: readonly TaskRow[]): void {
    const oldest = page.at(-1)?.updatedMs ?? Number.POSITIVE_INFINITY
    const isWhole = page.length < PAGE
    const ids = new Set(page.map(({ id }) => id))
    for (const row of this.byId.values()) {
      if (!ids.has(row.id) && (isWhole || row.updatedMs >= oldest)) this.byId.delete(row.id)
    }
    for (const row of page) this.byId.set(row.id, row)
  }

  sorted(): TaskRow[] {
    return [...this.byId.values()].toSorted((a, b) => b.updatedMs - a.updatedMs)
  }
}

/** The tasks that match. While `isHeld`, what comes new waits, so that nothing moves under a hand. */
export function useTaskRows(q: string, isHeld: boolean): TaskRows {
  const live = useLive<TaskList>('tasks', { q, limit: String(PAGE), facets: '1' })
  const known = useRef(new Known(q))
  if (known.current.q !== q) known.current = new Known(q)
  const [, redraw] = useState(0)
  const newest = live.data.value
  const last = useRef<TaskList>(undefined)
  const taken = useRef<TaskList>(undefined)
  if (newest && taken.current !== newest) {
    taken.current = newest
    last.current = newest
    known.current.take(newest.rows)
  }
  const all = newest ? known.current.sorted() : []
  const { current } = known
  const held = isHeld && current.shown.length > 0 ? new Set(current.shown) : undefined
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
        for (const row of page.rows) if (!current.byId.has(row.id)) current.byId.set(row.id, row)
        if (held) current.shown = [...current.shown, ...page.rows.map(({ id }) => id).filter((id) => !held.has(id))]
        current.cursor = page.before
        redraw((n) => n + 1)
      })
      .catch(toastError)
      .finally(() => (current.isLoading = false))
  }
  return {
    live,
    list: newest ?? last.current,
    rows,
    fresh: held ? all.filter(({ id }) => !held.has(id)).length : 0,
    loadMore,
  }
}
