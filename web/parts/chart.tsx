// uPlot, in the one place that knows it. Lazily loaded: the first picture of a page is drawn without it.
import type { AlignedData, Options, Series } from 'uplot'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'preact/hooks'
import { theme } from '../shell/theme.ts'

export interface ChartLine {
  readonly name: string
  /** A custom property of the style sheet: `--ok`. */
  readonly color: string
  readonly values: readonly (number | null)[]
}

export interface ChartProps {
  /** What it shows, in words. */
  readonly label: string
  /** Epoch milliseconds of each value. */
  readonly times: readonly number[]
  readonly lines: readonly ChartLine[]
  /** Each line stands on the one before. */
  readonly isStacked?: boolean
  readonly height?: number
  format(value: number): string
  /** A stretch of time was drawn over. */
  onBrush?(fromMs: number, toMs: number): void
}

/** Lines over time. */
export default function Chart(props: ChartProps) {
  const { label, times, lines, isStacked = false, height = 180 } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef(props)
  const drawn = useRef<ChartProps['times']>(undefined)
  latest.current = props
  const shape = `${lines.map(({ name, color }) => name + color).join()}|${isStacked}|${height}|${theme.value}`

  useEffect(() => {
    const element = place.current
    if (!element) return undefined
    let observer: ResizeObserver | undefined
    // Drawn in a task of its own, behind the page's: both together would hold up whoever types.
    const frame = requestAnimationFrame(() => {
      const chart = new uPlot(optionsFor(latest, element), dataOf(latest.current), element)
      drawn.current = latest.current.times
      plot.current = chart
      observer = new ResizeObserver(([entry]) => {
        const width = Math.round(entry?.contentRect.width ?? element.clientWidth)
        // It tells of the size at once; to draw the same again is for nothing.
        if (width !== chart.width) chart.setSize({ width, height })
      })
      observer.observe(element)
    })
    return () => {
      cancelAnimationFrame(frame)
      observer?.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shape])

  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      if (drawn.current === latest.current.times) return
      drawn.current = latest.current.times
      plot.current?.setData(dataOf(latest.current))
    })
    return () => cancelAnimationFrame(frame)
  }, [times, lines])

  return <div ref={place} class="chart" role="img" aria-label={label} style={{ height: `${height}px` }} />
}

/** Values as uPlot wants them; stacked ones are sums, the last line at the bottom of the list being on top. */
function dataOf({ times, lines, isStacked }: ChartProps): AlignedData {
  const sums = times.map(() => 0)
  const stacked = lines.map(({ values }) =>
    isStacked ? values.map((value, index) => (sums[index] = (sums[index] ?? 0) + (value ?? 0))) : [...values],
  )
  // What is on top is drawn first, so that what is below covers it.
  return [times.map((ms) => ms / 1_000), ...(isStacked ? stacked.toReversed() : stacked)] as AlignedData
}

function optionsFor(latest: { current: ChartProps }, element: HTMLElement): Options {
  const { lines, isStacked, height = 180 } = latest.current
  const style = getComputedStyle(element)
  // Colours of the style sheet may be light-dark(): a canvas wants what they come to.
  const resolve = (name: string, softly = false): string => {
    // Softly, and yet not transparent: stacked areas cover each other.
    element.style.color = softly ? `color-mix(in oklab, var(${name}) 42%, var(--card))` : `var(${name})`
    const color = style.color
    element.style.color = ''
    return color
  }
  const grid = { stroke: resolve('--line'), width: 1 }
  const axis = { stroke: resolve('--ink-2'), grid, ticks: { show: false }, font: '11px system-ui, sans-serif' }
  const series: Series[] = lines.map(({ name, color }) => {
    const stroke = resolve(color)
    return {
      label: name,
      stroke,
      width: 1.5,
      points: { show: false },
      ...(isStacked ? { fill: resolve(color, true) } : {}),
    }
  })
  return {
    width: Math.max(1, element.clientWidth),
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: latest.current.onBrush !== undefined, setScale: false } },
    scales: { y: { range: (_, __, top) => [0, Math.max(1, top * 1.1)] } },
    axes: [
      { ...axis, size: 24, space: 70, values: '{HH}:{mm}' as never },
      { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => latest.current.format(tick)) },
    ],
    series: [{}, ...(isStacked ? series.toReversed() : series)],
    hooks: {
      setSelect: [
        (chart) => {
          const { left, width } = chart.select
          if (width < 4) return
          latest.current.onBrush?.(chart.posToVal(left, 'x') * 1_000, chart.posToVal(left + width, 'x') * 1_000)
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}
