// The rows that are seen of a list of any length, by @tanstack/virtual-core.
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core'
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'
import type { RefObject } from 'preact'

/** The virtualizer of a scroller whose rows are all equally high. */
export function useVirtualRows(
  count: number,
  rowHeight: number,
): { readonly scroller: RefObject<HTMLDivElement | null>; readonly rows: Virtualizer<HTMLDivElement, HTMLElement> } {
  const scroller = useRef<HTMLDivElement>(null)
  const [, redraw] = useReducer((n: number, step: number) => n + step, 0)
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(1),
  }
  const [rows] = useState(() => new Virtualizer<HTMLDivElement, HTMLElement>(options))
  rows.setOptions(options)
  useEffect(() => rows._didMount(), [])
  useLayoutEffect(() => rows._willUpdate())
  useLayoutEffect(() => rows.measure(), [rowHeight])
  return { scroller, rows }
}
