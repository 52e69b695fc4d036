// Tables: rows of any number, of which only those that are seen are drawn; j, k, Enter and x; selection.
import type { ComponentChildren } from 'preact'
import { useLocation } from 'preact-iso'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useKeys, type Shortcut } from '../shell/keys.ts'
import { useVirtualRows } from './virtual-rows.ts'

export interface Column<Row> {
  readonly key: string
  readonly title: ComponentChildren
  /** A track of a CSS grid: `8rem`, `minmax(10rem, 2fr)`. */
  readonly width: string
  /** On a phone; undefined: the column is left out there. */
  readonly phone?: string
  readonly isNumber?: boolean
  cell(row: Row): ComponentChildren
}

export interface Selection {
  readonly chosen: ReadonlySet<string>
  set(chosen: ReadonlySet<string>): void
}

export interface TableProps<Row> {
  /** What the rows are, for those who do not see them: `Tasks`. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  keyOf(row: Row): string
  /** Where a row leads. */
  hrefOf?(row: Row): string
  /** What a row is called in words, for its checkbox. */
  nameOf?(row: Row): string
  classOf?(row: Row): string
  readonly selection?: Selection
  /** It scrolls inside of the page, draws only what is seen, and asks for more at its end. */
  readonly isLong?: boolean
  onEnd?(): void
  /** How far down it is scrolled, in pixels. */
  onScrolled?(top: number): void
  /** Instead of rows, where there are none. */
  readonly empty?: ComponentChildren
}

const NARROW = matchMedia('(max-width: 719px)')
const ROW_PX = 30
const PHONE_ROW_PX = 40

/** Whether the window is as narrow as a phone, as it changes. */
export function useNarrow(): boolean {
  const [is, set] = useState(NARROW.matches)
  useEffect(() => {
    const changed = (): void => set(NARROW.matches)
    NARROW.addEventListener('change', changed)
    return () => NARROW.removeEventListener('change', changed)
  }, [])
  return is
}

export function Table<Row>(props: TableProps<Row>) {
  const { label, rows, keyOf, selection, isLong = false, onEnd, empty } = props
  const isNarrow = useNarrow()
  const rowPx = isNarrow ? PHONE_ROW_PX : ROW_PX
  const columns = isNarrow ? props.columns.filter(({ phone }) => phone !== undefined) : props.columns
  const tracks = [
    ...(selection ? ['2rem'] : []),
    ...columns.map(({ width, phone }) => (isNarrow ? (phone ?? width) : width)),
  ].join(' ')
  const { scroller, rows: virtual } = useVirtualRows(isLong ? rows.length : 0, rowPx)
  const [current, setCurrent] = useState<string>()
  const { route } = useLocation()

  const at = rows.findIndex((row) => keyOf(row) === current)
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))
    const row = rows[next]
    if (!row) return
    setCurrent(keyOf(row))
    if (isLong) virtual.scrollToIndex(next)
    else scroller.current?.querySelectorAll('[role=row]')[next + 1]?.scrollIntoView({ block: 'nearest' })
  }
  const toggle = (key: string): void => {
    const chosen = new Set(selection?.chosen)
    if (!chosen.delete(key)) chosen.add(key)
    selection?.set(chosen)
  }
  const row = rows[at]
  const shortcuts = useMemo<Shortcut[]>(
    () => [
      { keys: 'j', what: 'Next row', run: () => move(1) },
      { keys: 'k', what: 'Row before', run: () => move(-1) },
      ...(props.hrefOf
        ? [{ keys: 'Enter', what: 'Open the row', run: () => row && props.hrefOf && route(props.hrefOf(row)) }]
        : []),
      ...(selection ? [{ keys: 'x', what: 'Select the row', run: () => row && toggle(keyOf(row)) }] : []),
    ],
    [rows, current, selection?.chosen],
  )
  useKeys(shortcuts)

  const items = isLong ? virtual.getVirtualItems() : undefined
  const lastSeen = items?.at(-1)?.index ?? -1
  useEffect(() => {
    if (isLong && lastSeen >= rows.length - 20) onEnd?.()
  }, [lastSeen, rows.length])

  const isAll = selection !== undefined && rows.length > 0 && rows.every((one) => selection.chosen.has(keyOf(one)))
  const line = (one: Row, index: number, top?: number) => (
    <TableRow
      key={keyOf(one)}
      row={one}
      index={index}
      columns={columns}
      table={props}
      isCurrent={keyOf(one) === current}
      top={top}
      onPoint={() => setCurrent(keyOf(one))}
      onToggle={() => toggle(keyOf(one))}
    />
  )
  return (
    <div
      ref={scroller}
      class={`table ${isLong ? 'long' : ''}`}
      onScroll={(event) => props.onScrolled?.(event.currentTarget.scrollTop)}
      tabIndex={isLong ? 0 : undefined}
      role={isLong ? 'group' : undefined}
      aria-label={isLong ? `${label}, scrolls` : undefined}
      style={{ '--tracks': tracks, '--row': `${rowPx}px` }}
    >
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1}>
        <div role="row" class="row head" aria-rowindex={1}>
          {selection && (
            <span role="columnheader" class="pick">
              <input
                type="checkbox"
                aria-label="Select all rows here"
                checked={isAll}
                onChange={() => selection.set(new Set(isAll ? [] : rows.map(keyOf)))}
              />
            </span>
          )}
          {columns.map(({ key, title, isNumber }) => (
            <span key={key} role="columnheader" class={isNumber ? 'number' : ''}>
              {title}
            </span>
          ))}
        </div>
        {items ? (
          <div role="rowgroup" class="rows" style={{ height: `${virtual.getTotalSize()}px` }}>
            {items.map(({ index, start }) => {
              const one = rows[index]
              return one === undefined ? null : line(one, index, start)
            })}
          </div>
        ) : (
          rows.map((one, index) => line(one, index))
        )}
      </div>
      {rows.length === 0 && empty}
    </div>
  )
}

interface TableRowProps<Row> {
  readonly row: Row
  readonly index: number
  readonly columns: readonly Column<Row>[]
  readonly table: TableProps<Row>
  readonly isCurrent: boolean
  readonly top: number | undefined
  onPoint(): void
  onToggle(): void
}

function TableRow<Row>({ row, index, columns, table, isCurrent, top, onPoint, onToggle }: TableRowProps<Row>) {
  const { keyOf, classOf, nameOf, selection } = table
  const key = keyOf(row)
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selection ? selection.chosen.has(key) : undefined}
      class={`row ${isCurrent ? 'current' : ''} ${classOf?.(row) ?? ''}`}
      style={top === undefined ? undefined : { transform: `translateY(${top}px)` }}
      onClick={onPoint}
    >
      {selection && (
        <span role="cell" class="pick">
          <input
            type="checkbox"
            aria-label={`Select ${nameOf?.(row) ?? key}`}
            checked={selection.chosen.has(key)}
            onChange={onToggle}
          />
        </span>
      )}
      {columns.map(({ key: column, isNumber, cell }) => (
        <span key={column} role="cell" class={isNumber ? 'number' : ''}>
          {cell(row)}
        </span>
      ))}
    </div>
  )
}
