import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** Tones that can be read on a white and on a black page: the picture has no background of its own. */
export const TONES = {
  text: '#7d8590',
  reached: '#2f9e55',
  missed: '#d9822b',
  plain: '#4a8fd6',
  second: '#9a7bd0',
  aim: '#d1497a',
} as const

/** For lines of one picture, one after the other. */
export const LINE_TONES = [TONES.plain, TONES.missed, TONES.reached, TONES.second, TONES.aim, TONES.text]

/** For pieces of one bar, of which there are many; neighbours differ. */
export const PIECE_TONES = [
  '#4a8fd6',
  '#d9822b',
  '#2f9e55',
  '#9a7bd0',
  '#b5893a',
  '#1f9aa5',
  '#d1497a',
  '#7f9a2e',
  '#7d8590',
  '#a8705a',
  '#5a6acf',
] as const

/** Of the widest pictures. With short names one is narrower, and its text larger on a small screen. */
export const WIDTH = 860
const [LEAST_WIDTH, WIDTH_OF_ROWS] = [540, 440]
const MARGIN_TOP = 34

/** In letters; longer ones would leave no room for what is shown. */
const LABEL_LENGTH = 60

/** One line of a picture: a value's, or the heading of those below it. */
export interface Line {
  /** Unlike all others of the picture. */
  readonly key: string
  readonly label: string
  readonly isHeading: boolean
}

/** Members under the headings of their groups, in order; members without a group stand alone. */
export function linesOf<T>(
  members: readonly T[],
  names: (member: T) => { group?: string | undefined; label: string },
): { lines: Line[]; keyOf: (member: T) => string } {
  const keys = new Map<T, string>()
  const lines: Line[] = []
  let last: string | undefined
  for (const member of members) {
    const { group, label } = names(member)
    if (group !== undefined && group !== last) lines.push({ key: `heading ${group}`, label: group, isHeading: true })
    last = group
    const key = `${group ?? ''}|${label}`
    keys.set(member, key)
    lines.push({ key, label, isHeading: false })
  }
  return { lines, keyOf: (member) => keys.get(member) as string }
}

/**
 * A picture with a row for each line, as SVG.
 * @param options.legendRows rows of text between its title and the first line
 * @param options.width default: as much as its names need
 */
export function rowsPicture(
  title: string,
  lines: readonly Line[],
  x: Plot.ScaleOptions,
  marks: readonly Plot.Markish[],
  { legendRows = 0, width }: { legendRows?: number; width?: number } = {},
): string {
  const labels = new Map(
    lines.map(({ key, label, isHeading }) => [key, isHeading ? '' : shortened(label, LABEL_LENGTH)]),
  )
  const longest = Math.max(...[...labels.values()].map((label) => label.length))
  const marginLeft = 24 + longest * 6.3
  const marginTop = MARGIN_TOP + legendRows * 16
  return picture(title, {
    width: width ?? Math.max(LEAST_WIDTH, Math.min(WIDTH, marginLeft + WIDTH_OF_ROWS)),
    marginLeft,
    marginRight: 64,
    marginTop,
    height: 30 + marginTop + lines.length * 20,
    x: { grid: true, ...x },
    y: {
      domain: lines.map(({ key }) => key),
      label: null,
      tickSize: 0,
      tickFormat: (key: string) => labels.get(key) ?? '',
    },
    marks: [
      Plot.text(
        lines.filter(({ isHeading }) => isHeading),
        {
          frameAnchor: 'left',
          y: 'key',
          text: 'label',
          fontWeight: 'bold',
          dx: 4,
          dy: 1,
          textAnchor: 'start',
          fill: TONES.text,
        },
      ),
      ...marks,
    ],
  })
}

/** What stands beside each line, right of all that is drawn, where nothing can hide it. */
export function valuesAtTheEdge<T>(
  members: readonly T[],
  keyOf: (member: T) => string,
  text: (member: T) => string,
): Plot.Markish {
  return Plot.text(members as T[], {
    y: keyOf,
    frameAnchor: 'right',
    text,
    dx: 54,
    textAnchor: 'end',
    fill: TONES.text,
  })
}

/** Any plot as SVG that stands alone. */
export function picture(title: string, options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({
    document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
    width: WIDTH,
    marginTop: MARGIN_TOP,
    marginBottom: 40,
    style: { fontSize: '12px' },
    ...options,
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('fill', TONES.text)
  svg.setAttribute('color', TONES.text)
  svg.setAttribute('role', 'img')
  const named = `<title>${escaped(title)}</title><text x="8" y="16" font-size="14" font-weight="bold" text-anchor="start">${escaped(title)}</text>`
  return `${svg.outerHTML.replace('>', `>${named}`)}\n`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

/** Whether values differ so much that only a logarithmic axis shows them all. */
export function isWide(values: readonly number[], factor = 12): boolean {
  const positive = values.filter((value) => value > 0)
  return positive.length > 0 && Math.max(...positive) / Math.min(...positive) > factor
}
