// The frame of a page, and what stands in it while there is nothing to show.
import type { ComponentChildren } from 'preact'
import type { Live } from '../live/live.ts'
import { stalenessOf } from '../live/live.ts'
import { useTitle } from '../shell/document-title.ts'
import { Age } from './state.tsx'

interface PageProps {
  readonly title: string
  /** What is loaded; the page looks stale where this is. */
  readonly live?: Live<object>
  /** Beside the title: counts, buttons. */
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
  /** The page fills the window and scrolls inside, as lists do. */
  readonly isFull?: boolean
}

export function Page({ title, live, aside, children, isFull = false }: PageProps) {
  useTitle(title)
  const stale = live && stalenessOf(live)
  return (
    <main id="main" tabIndex={-1} class={`page ${isFull ? 'full' : ''} ${stale ? 'is-stale' : ''}`}>
      <header class="page-head">
        <h1>{title}</h1>
        {stale && (
          <p class="stale">
            <Age at={stale.asOfMs} /> old: {stale.because}
          </p>
        )}
        <div class="aside">{aside}</div>
      </header>
      {live ? <Loaded live={live}>{children}</Loaded> : children}
    </main>
  )
}

/** What is drawn once the data is there; an error in its place, or above it where there was data before. */
function Loaded({ live, children }: { live: Live<object>; children: ComponentChildren }) {
  const error = live.error.value
  if (live.data.value === undefined) {
    return error ? <ErrorState error={error} retry={() => void live.reload()} /> : <Loading />
  }
  return <>{children}</>
}

export function Loading() {
  return (
    <p class="empty" role="status">
      Loading…
    </p>
  )
}

/** Nothing to show, and what that means or what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>
        <b>{title}</b>
      </p>
      {children && <p class="faint">{children}</p>}
    </div>
  )
}

export function ErrorState({ error, retry }: { error: { message: string; fix?: string | undefined }; retry?(): void }) {
  return (
    <div class="empty bad" role="alert">
      <p>
        <b>{error.message}</b>
      </p>
      {error.fix && <p class="faint">{error.fix}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** A part of a page with a heading. */
export function Panel({
  title,
  aside,
  children,
  kind = '',
}: {
  title: string
  aside?: ComponentChildren
  children: ComponentChildren
  kind?: string
}) {
  return (
    <section class={`panel ${kind}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  )
}
