import { type Item, sizeOf } from './item.ts'

/** What one answer holds at most; a first item that is larger comes alone. */
const PAGE_BYTES = 2 ** 20

/** The first items, as many as go into one answer. */
export function pageOf<T>(from: Iterable<T>, limit: number, itemOf: (one: T) => Item): T[] {
  const page: T[] = []
  let bytes = 0
  for (const one of from) {
    bytes += sizeOf(itemOf(one))
    if (page.length >= limit || (page.length > 0 && bytes > PAGE_BYTES)) break
    page.push(one)
  }
  return page
}
