import * as Plot from '@observablehq/plot'
import type { Figure } from '../case.ts'
import type { Chart } from './charts.ts'
import { linesOf, PIECE_TONES, rowsPicture, TONES, WIDTH } from './drawing.ts'
import { numberText } from './judged.ts'
import { groupedBy } from './tables.ts'

/** Names of tones in one row of the legend. */
const PER_ROW = 4

/** A piece of a bar, and where it begins and ends. */
interface Piece {
  readonly figure: Figure
  readonly part: string
  readonly x1: number
  readonly x2: number
}

/** Bars that are made of pieces, under the headings of their groups. */
export function stacksChart(figures: readonly Figure[]): Chart[] {
  const stacked = figures.filter(({ stack }) => stack)
  if (stacked.length === 0) return []
  const bars = [...groupedBy(stacked, ({ stack }) => `${stack?.group}|${stack?.bar}`).values()].map(barOf)
  const { lines, keyOf } = linesOf(bars, ({ group, label }) => ({ group, label }))
  const keys = new Map(bars.flatMap((bar) => bar.pieces.map((piece) => [piece, keyOf(bar)] as const)))
  const pieces = [...keys.keys()]
  const most = Math.max(...bars.map(({ sum }) => sum))
  const parts = [...new Set(pieces.map(({ part }) => part))]
  const tone = ({ part }: { part: string }): string => PIECE_TONES[parts.indexOf(part) % PIECE_TONES.length] as string
  const unit = stacked[0]?.unit ?? ''
  const title = `What each is made of, in ${unit}`
  const y = (piece: Piece): string => keys.get(piece) as string
  const svg = rowsPicture(
    title,
    lines,
    { domain: [0, most], label: unit },
    [
      Plot.barX(pieces, { y, x1: 'x1', x2: 'x2', fill: tone, insetTop: 2, insetBottom: 2, insetRight: 0.5 }),
      Plot.text(
        pieces.filter(({ x1, x2 }) => x2 - x1 > most / 28),
        {
          y,
          x: ({ x1, x2 }: Piece) => (x1 + x2) / 2,
          text: ({ x1, x2 }: Piece) => numberText(x2 - x1),
          fill: 'white',
          fontSize: 10,
        },
      ),
      Plot.text(bars, {
        y: keyOf,
        x: 'sum',
        text: ({ sum }: { sum: number }) => numberText(sum),
        dx: 4,
        textAnchor: 'start',
        fill: TONES.text,
      }),
      ...legend(parts, tone),
    ],
    { legendRows: Math.ceil(parts.length / PER_ROW), width: WIDTH },
  )
  return [{ name: 'stacks', alt: title, svg }]
}

/** Pieces of one tone stand together, in the order in which they came. */
function barOf(figures: readonly Figure[]): Bar {
  const { group = '', bar: label = '' } = figures[0]?.stack ?? {}
  const byPart = groupedBy(figures, ({ stack }) => stack?.part ?? '')
  const pieces: Piece[] = []
  let x = 0
  for (const [part, members] of byPart) {
    for (const figure of members) pieces.push({ figure, part, x1: x, x2: (x += figure.value) })
  }
  return { group, label, pieces, sum: x }
}

interface Bar {
  readonly group: string
  readonly label: string
  readonly pieces: readonly Piece[]
  readonly sum: number
}

/** What the tones mean, in rows below the title. */
function legend(parts: readonly string[], tone: (named: { part: string }) => string): Plot.Markish[] {
  const rows = Math.ceil(parts.length / PER_ROW)
  return parts.map((part, i) =>
    Plot.text([part], {
      frameAnchor: 'top-right',
      text: (text: string) => `● ${text}`,
      dx: 56 - (PER_ROW - (i % PER_ROW)) * ((WIDTH - 20) / PER_ROW),
      dy: -8 - (rows - Math.floor(i / PER_ROW)) * 16,
      textAnchor: 'start',
      fill: tone({ part }),
    }),
  )
}
