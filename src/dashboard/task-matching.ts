import type { DashboardContext } from './context.ts'

const PAGE = 1_000

/** Ids of at most so many tasks that a filter matches, the newest first; with `asOfMs` those last heard of until then. */
export async function matching(
  { tasks }: DashboardContext,
  filter: string,
  most: number,
  asOfMs = Infinity,
): Promise<readonly string[]> {
  const found = new Set<string>()
  let before: string | null | undefined
  do {
    const page = await tasks.query(filter, { limit: PAGE, ...(before && { before }) })
    for (const { id, updatedMs } of page.rows) if (updatedMs <= asOfMs && found.size < most) found.add(id)
    ;({ before } = page)
  } while (before !== null && found.size < most)
  return [...found]
}
