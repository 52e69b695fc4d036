import type { Figure, LeftOut, Row } from '../case.ts'
import { aimText, numberText, reachedText, spreadText, valueText } from './judged.ts'

/** A column: its heading and what stands in it. */
type Column<T> = readonly [heading: string, cell: (row: T) => string, isNumber?: boolean]

/** A Markdown table of the columns that have anything in them; nothing where there are no rows. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  if (rows.length === 0) return ''
  const full = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    line(full.map(([heading]) => heading)),
    line(full.map(([, , isNumber]) => (isNumber ? '--:' : '---'))),
    ...rows.map((row) => line(full.map(([, cell]) => cell(row)))),
  ].join('\n')
}

const optional = (value: number | undefined): string => (value === undefined ? '' : numberText(value))

/** What stands beside a value. */
const BESIDE: readonly Column<Figure>[] = [
  ['quartiles', spreadText, true],
  ['p50, ms', ({ percentiles }) => optional(percentiles?.p50), true],
  ['p99, ms', ({ percentiles }) => optional(percentiles?.p99), true],
  ['p99.9, ms', ({ percentiles }) => optional(percentiles?.p999), true],
  ['CPU each, µs', ({ cpuMicros }) => optional(cpuMicros), true],
  ['and the server, µs', ({ serverCpuMicros }) => optional(serverCpuMicros), true],
  ['memory, MiB', ({ memoryMiB }) => optional(memoryMiB), true],
  ['aim', aimText],
  ['', reachedText],
  ['note', ({ note = '' }) => note],
]

/** All that a case has measured: shares first, then what was reached, then what was left out. */
export function tablesOf(rows: readonly Row[]): string {
  const figures = rows.filter((row): row is Figure => !('leftOut' in row))
  const leftOut = rows.filter((row): row is LeftOut => 'leftOut' in row)
  const curves = groupedBy(
    figures.filter(({ at }) => at),
    ({ at }) => at?.curve ?? '',
  )
  const plain = figures.filter(({ at, stack }) => !at && !stack)
  const groups = groupedBy(
    plain.filter(({ group }) => group !== undefined),
    ({ group = '' }) => group,
  )
  const alone = plain.filter(({ group }) => group === undefined)
  return [
    ...[...groups].map(([group, members]) => `**${capital(group)}**\n\n${groupTables(group, members)}`),
    ...[true, false].map((isShare) =>
      table(
        alone.filter(({ unit }) => (unit === 'x') === isShare),
        [['measured', ({ what }) => what], ['value', ({ value, unit }) => valueText(value, unit), true], ...BESIDE],
      ),
    ),
    ...[...curves].map(([curve, points]) => `**${capital(curve)}**\n\n${curveTable(points)}`),
    ...stackTables(figures),
    leftOut.map(({ what, leftOut: why }) => `- Left out: ${what}: ${why}.`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function groupTables(group: string, members: readonly Figure[]): string {
  const label = ({ what }: Figure): string => what.replace(group, '').replace(/^[,:]? */, '')
  const shares = table(
    members.filter(({ unit }) => unit === 'x'),
    [['Lovage’s share', label], ['median', ({ value }) => value.toFixed(2), true], ...BESIDE],
  )
  const values = table(
    members.filter(({ unit }) => unit !== 'x'),
    [['', label], ['median', ({ value, unit }) => valueText(value, unit), true], ...BESIDE],
  )
  return [shares, values].filter((part) => part !== '').join('\n\n')
}

/** A row for each point, a column for each line. */
function curveTable(points: readonly Figure[]): string {
  const rows = [...groupedBy(points, ({ at }) => at?.x ?? 0)].toSorted(([a], [b]) => a - b)
  const lines = [...new Set(points.map(({ contender = '' }) => contender))]
  return table(rows, [
    [points[0]?.at?.axis ?? '', ([x]) => numberText(x), true],
    ...lines.map((line): Column<(typeof rows)[number]> => {
      const cell = ([, there]: (typeof rows)[number]): string => {
        const point = there.find(({ contender = '' }) => contender === line)
        if (!point) return ''
        const { cpuMicros, memoryMiB } = point
        const beside = [
          spreadText(point),
          cpuMicros !== undefined && `CPU ${numberText(cpuMicros)} µs`,
          memoryMiB !== undefined && `${numberText(memoryMiB)} MiB`,
        ].filter(Boolean)
        return `${valueText(point.value, point.unit)}${beside.length > 0 ? ` (${beside.join('; ')})` : ''}`
      }
      return [line, cell, true]
    }),
  ])
}

/** For each group a table: a row for each piece, a column for each bar. */
function stackTables(figures: readonly Figure[]): string[] {
  const groups = groupedBy(
    figures.filter(({ stack }) => stack),
    ({ stack }) => stack?.group ?? '',
  )
  return [...groups].map(([group, pieces]) => {
    const bars = [...groupedBy(pieces, ({ stack }) => stack?.bar ?? '')]
    const sum = (of: readonly Figure[]): number => of.reduce((all, { value }) => all + value, 0)
    const rows: (readonly [detail: string, cells: readonly string[]])[] = [
      ...groupedBy(pieces, ({ stack }) => stack?.detail ?? ''),
    ].map(([detail, there]) => {
      const of = (bar: string): Figure[] => there.filter(({ stack }) => stack?.bar === bar)
      return [detail, bars.map(([bar]) => (of(bar).length > 0 ? numberText(sum(of(bar))) : ''))]
    })
    const together = bars.map(([, of]) => numberText(sum(of)))
    const unit = pieces[0]?.unit ?? ''
    return `**${capital(group)}: ${numberText(sum(pieces))} ${unit}**\n\n${table(
      [...rows, ['together', together] as const],
      [
        [unit, ([detail]) => detail],
        ...bars.map(([bar], i): Column<(typeof rows)[number]> => [bar, ([, cells]) => cells[i] ?? '', true]),
      ],
    )}`
  })
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Members by their key, both in the order they came. */
export function groupedBy<T, K>(members: readonly T[], key: (member: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const member of members) {
    const name = key(member)
    const group = groups.get(name)
    if (group) group.push(member)
    else groups.set(name, [member])
  }
  return groups
}
