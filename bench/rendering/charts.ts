import * as Plot from '@observablehq/plot'
import type { Figure, Row } from '../case.ts'
import { isWide, LINE_TONES, linesOf, picture, rowsPicture, TONES, valuesAtTheEdge } from './drawing.ts'
import { judged, numberText } from './judged.ts'
import { stacksChart } from './stacks.ts'
import { capital, groupedBy } from './tables.ts'

/** A picture of the report. */
export interface Chart {
  /** What its file is called behind the name of the case. */
  readonly name: string
  /** What it shows, for who cannot see it. */
  readonly alt: string
  readonly svg: string
}

/** All pictures of one case. */
export function chartsOf(rows: readonly Row[]): Chart[] {
  const figures = rows.filter((row): row is Figure => !('leftOut' in row))
  const plain = figures.filter(({ at, stack }) => !at && !stack)
  const curves = groupedBy(
    figures.filter(({ at }) => at),
    ({ at }) => at?.curve ?? '',
  )
  return [
    ...sharesChart(plain.filter(({ unit }) => unit === 'x')),
    ...latencyChart(plain.filter(({ percentiles }) => percentiles)),
    ...cpuChart(plain.filter(({ cpuMicros }) => cpuMicros !== undefined)),
    ...memoryChart(plain.filter(({ memoryMiB }) => memoryMiB !== undefined)),
    ...[...curves].map(([curve, points]) => curveChart(curve, points)),
    ...stacksChart(figures),
  ]
}

/** Lovage's shares, with their quartiles and what they are to reach. */
function sharesChart(figures: readonly Figure[]): Chart[] {
  if (figures.length === 0) return []
  const { lines, keyOf } = linesOf(figures, ({ group, what }) => ({
    group,
    label: labelOf(what.replace(group ?? '', '').replace(/^[,:]? */, '')),
  }))
  const ends = figures.flatMap(({ value, spread = [value, value], aim }) => [
    ...spread,
    ...[aim?.atLeast, aim?.atMost].filter((end) => end !== undefined),
  ])
  const isLog = isWide([...ends, ...figures.map(({ value }) => value), 1])
  const tone = ({ aim, value }: Figure): string =>
    aim ? (judged(value, aim).reached ? TONES.reached : TONES.missed) : TONES.plain
  const aims = figures.filter(({ aim }) => aim)
  const title = 'Lovage’s share of each other: median, quartiles and aim'
  const svg = rowsPicture(
    title,
    lines,
    {
      type: isLog ? 'log' : 'linear',
      label: '1 is as much as the other',
      ...(isLog ? {} : { zero: true }),
      nice: true,
    },
    [
      Plot.barX(figures, {
        y: keyOf,
        x1: isLog ? 1 : 0,
        x2: 'value',
        fill: tone,
        fillOpacity: 0.7,
        insetTop: 3,
        insetBottom: 3,
      }),
      Plot.ruleX([1], { stroke: TONES.text }),
      Plot.ruleY(
        figures.filter(({ spread }) => spread),
        {
          y: keyOf,
          x1: ({ spread }: Figure) => spread?.[0],
          x2: ({ spread }: Figure) => spread?.[1],
          stroke: TONES.text,
          strokeWidth: 2,
        },
      ),
      Plot.tickX(aims, {
        y: keyOf,
        x: ({ aim }: Figure) => aim?.atLeast ?? aim?.atMost,
        stroke: TONES.aim,
        strokeWidth: 3,
      }),
      valuesAtTheEdge(figures, keyOf, ({ value }) => value.toFixed(2)),
    ],
  )
  return [{ name: 'shares', alt: title, svg }]
}

/** p50, p99 and p99.9 of each contender, on one logarithmic axis. */
function latencyChart(figures: readonly Figure[]): Chart[] {
  if (figures.length === 0) return []
  const { lines, keyOf } = linesOf(figures, namesOf)
  const dots = figures.flatMap((figure) => {
    const { p50, p99, p999 } = figure.percentiles ?? { p50: NaN, p99: NaN, p999: NaN }
    return [
      { figure, name: 'p50', ms: p50 },
      { figure, name: 'p99', ms: p99 },
      { figure, name: 'p99.9', ms: p999 },
    ].filter(({ ms }) => ms > 0)
  })
  const names = ['p50', 'p99', 'p99.9']
  const tones = new Map(names.map((name, i) => [name, [TONES.reached, TONES.plain, TONES.missed][i]]))
  const title = 'Latency, ms: p50, p99 and p99.9'
  const svg = rowsPicture(
    title,
    lines,
    { type: 'log', label: 'ms', nice: true, tickFormat: numberText },
    [
      ...legend(names.map((name) => ({ name, tone: tones.get(name) ?? TONES.text }))),
      Plot.ruleY(figures, {
        y: keyOf,
        x1: ({ percentiles }: Figure) => percentiles?.p50,
        x2: ({ percentiles }: Figure) => percentiles?.p999,
        stroke: TONES.text,
      }),
      Plot.dot(dots, {
        y: ({ figure }: { figure: Figure }) => keyOf(figure),
        x: 'ms',
        r: 4.5,
        fill: ({ name }: { name: string }) => tones.get(name),
      }),
      Plot.text(
        dots.filter(({ name }) => name === 'p99.9'),
        {
          y: ({ figure }: { figure: Figure }) => keyOf(figure),
          x: 'ms',
          text: ({ ms }: { ms: number }) => numberText(ms),
          dx: 9,
          textAnchor: 'start',
          fill: TONES.text,
        },
      ),
    ],
    { legendRows: 1 },
  )
  return [{ name: 'latencies', alt: title, svg }]
}

/** What a task costs, at both ends. */
function cpuChart(figures: readonly Figure[]): Chart[] {
  if (figures.length < 2) return []
  const { lines, keyOf } = linesOf(figures, namesOf)
  const sum = ({ cpuMicros = 0, serverCpuMicros = 0 }: Figure): number => cpuMicros + serverCpuMicros
  const title = 'CPU time for each, µs: of the contender, and of the server it uses'
  const hasServer = figures.some(({ serverCpuMicros }) => serverCpuMicros)
  const band = { insetTop: 3, insetBottom: 3 }
  // Parts of a sum can be seen on an axis from nothing only.
  const svg = rowsPicture(
    title,
    lines,
    { label: 'µs', nice: true, zero: true },
    [
      Plot.barX(figures, { y: keyOf, x1: 0, x2: 'cpuMicros', fill: TONES.plain, ...band }),
      Plot.barX(
        figures.filter(({ serverCpuMicros }) => serverCpuMicros !== undefined),
        { y: keyOf, x1: 'cpuMicros', x2: sum, fill: TONES.second, ...band },
      ),
      valuesAtTheEdge(figures, keyOf, (figure) => numberText(sum(figure))),
      ...legend([
        { name: 'its own', tone: TONES.plain },
        ...(hasServer ? [{ name: 'the server’s', tone: TONES.second }] : []),
      ]),
    ],
    { legendRows: 1 },
  )
  return [{ name: 'cpu', alt: title, svg }]
}

/** What its processes hold. */
function memoryChart(figures: readonly Figure[]): Chart[] {
  if (figures.length < 2) return []
  const { lines, keyOf } = linesOf(figures, namesOf)
  const title = 'Memory of the contender’s processes at the end (RSS), MiB'
  const svg = rowsPicture(title, lines, { label: 'MiB', nice: true, zero: true }, [
    Plot.barX(figures, { y: keyOf, x: 'memoryMiB', fill: TONES.plain, insetTop: 3, insetBottom: 3 }),
    valuesAtTheEdge(figures, keyOf, ({ memoryMiB = NaN }) => numberText(memoryMiB)),
  ])
  return [{ name: 'memory', alt: title, svg }]
}

/** A line for each contender. */
function curveChart(curve: string, points: readonly Figure[]): Chart {
  const lines = [...new Set(points.map(({ contender = '' }) => contender))]
  const tone = (line: string): string => LINE_TONES[lines.indexOf(line) % LINE_TONES.length] as string
  const x = ({ at }: Figure): number => at?.x ?? 0
  const of = ({ contender = '' }: Figure): string => contender
  const sorted = points.toSorted((a, b) => x(a) - x(b))
  const isLogX = isWide(points.map(x), 15)
  const isLogY = isWide(
    points.map(({ value }) => value),
    15,
  )
  const unit = points[0]?.unit === 'x' ? 'share' : (points[0]?.unit ?? '')
  const title = capital(curve)
  const svg = picture(title, {
    height: 320,
    marginLeft: 70,
    marginRight: 150,
    marginTop: 34,
    x: {
      label: points[0]?.at?.axis ?? '',
      grid: true,
      tickFormat: numberText,
      ...(isLogX ? { type: 'log', ticks: 6 } : {}),
      inset: 8,
    },
    y: { label: unit, labelAnchor: 'center', grid: true, nice: true, ...(isLogY ? { type: 'log' } : { zero: true }) },
    marks: [
      Plot.line(sorted, { x, y: 'value', z: of, stroke: (point: Figure) => tone(of(point)), strokeWidth: 2 }),
      Plot.link(
        sorted.filter(({ spread }) => spread),
        {
          x1: x,
          x2: x,
          y1: ({ spread }: Figure) => spread?.[0],
          y2: ({ spread }: Figure) => spread?.[1],
          stroke: (point: Figure) => tone(of(point)),
        },
      ),
      Plot.dot(sorted, { x, y: 'value', fill: (point: Figure) => tone(of(point)), r: 3.5 }),
      Plot.text(
        lines.flatMap((line) => sorted.findLast((point) => of(point) === line) ?? []),
        { x, y: 'value', text: of, dx: 8, textAnchor: 'start', fill: (point: Figure) => tone(of(point)) },
      ),
    ],
  })
  return { name: `curve-${slug(curve)}`, alt: title, svg }
}

/** More is not better everywhere, and a reader should not need to know where. */
function labelOf(text: string): string {
  return /^(p50|time|latency) /.test(text) ? `${text}: less is better` : text
}

function namesOf({ group, contender, what }: Figure): { group: string | undefined; label: string } {
  return { group, label: group === undefined ? what : (contender ?? what) }
}

/** What the tones mean, above the rows at the right. */
function legend(names: readonly { name: string; tone: string }[]): Plot.Markish[] {
  return names.map(({ name, tone }, i) =>
    Plot.text([name], {
      frameAnchor: 'top-right',
      text: (text: string) => `● ${text}`,
      dx: -(names.length - 1 - i) * 96,
      dy: -14,
      textAnchor: 'end',
      fill: tone,
    }),
  )
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}
