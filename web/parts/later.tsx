import type { ComponentChildren } from 'preact'
import { ErrorBoundary } from 'preact-iso'

/** Holds the place of what is loaded after the page, so that nothing jumps when it comes. */
export function Later({ height, children }: { height: number; children: ComponentChildren }) {
  return (
    <div style={{ minHeight: `${height}px` }}>
      <ErrorBoundary>{children}</ErrorBoundary>
    </div>
  )
}
