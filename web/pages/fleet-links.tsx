// Where names lead: to workers, queues, and tasks that fit a filter.

export const workerHref = (name: string): string => `/workers/${encodeURIComponent(name)}`
export const queueHref = (name: string): string => `/queues/${encodeURIComponent(name)}`
export const taskHref = (id: string): string => `/tasks/${encodeURIComponent(id)}`

/** A value of a filter, as the filter language takes it: quoted, where it must be. */
const quoted = (value: string): string => (/^[\w.@-]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`)

/** The list of the tasks for which all of this is so: `tasksHref({ worker, state: 'STARTED' })`. */
export function tasksHref(filter: Readonly<Record<string, string>>): string {
  const words = Object.entries(filter).map(([field, value]) => `${field}:${quoted(value)}`)
  return `/tasks?q=${encodeURIComponent(words.join(' '))}`
}

/** Names, each a link. */
export function Names({ names, hrefOf }: { names: readonly string[]; hrefOf: (name: string) => string }) {
  if (names.length === 0) return <span class="faint">–</span>
  return (
    <span class="names">
      {names.map((name) => (
        <a key={name} href={hrefOf(name)}>
          {name}
        </a>
      ))}
    </span>
  )
}
