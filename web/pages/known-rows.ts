// What the list of tasks holds: the newest page, and the older ones that were asked for.
import type { TaskRow } from '../../src/dashboard/api.ts'

/** Rows of one answer. */
export const PAGE = 100

/** Rows that came while others are held still: more than these are not counted, nor kept. */
export const MOST_FRESH = 1_000

/** Rows by their ids, of as many pages as were asked for. */
export class KnownRows {
  readonly q: string
  readonly byId = new Map<string, TaskRow>()
  /** Of the oldest page that was loaded; undefined: none was, besides the newest. */
  cursor: string | null | undefined
  shown: readonly string[] = []
  isLoading = false
  #pages = 1

  constructor(q: string) {
    this.q = q
  }

  /** Takes the newest page: what should be in it and is not no longer matches. */
  take(page: readonly TaskRow[], held?: ReadonlySet<string>): void {
    const oldest = page.at(-1)?.updatedMs ?? Number.POSITIVE_INFINITY
    const isWhole = page.length < PAGE
    const ids = new Set(page.map(({ id }) => id))
    for (const row of this.byId.values()) {
      if (!ids.has(row.id) && (isWhole || row.updatedMs >= oldest)) this.byId.delete(row.id)
    }
    for (const row of page) this.byId.set(row.id, row)
    this.#bound(ids, held)
  }

  /** Takes an older page. */
  add(page: readonly TaskRow[], before: string | null): void {
    for (const row of page) if (!this.byId.has(row.id)) this.byId.set(row.id, row)
    this.cursor = before
    this.#pages += 1
  }

  sorted(): TaskRow[] {
    return [...this.byId.values()].toSorted((a, b) => b.updatedMs - a.updatedMs)
  }

  /** A page that is left open all night sees millions go by. */
  #bound(newest: ReadonlySet<string>, held: ReadonlySet<string> | undefined): void {
    if (held) {
      const fresh = this.sorted().filter(({ id }) => !held.has(id))
      for (const { id } of fresh.slice(MOST_FRESH)) this.byId.delete(id)
      return
    }
    // Without older pages there is nothing behind the newest; with them they no longer follow upon it.
    if (this.byId.size <= PAGE * (this.#pages === 1 ? 1 : this.#pages + 1)) return
    for (const id of this.byId.keys()) if (!newest.has(id)) this.byId.delete(id)
    this.cursor = undefined
    this.#pages = 1
  }
}
