import { useEffect, useRef } from 'preact/hooks'
import { theme } from '../shell/theme.ts'

/**
 * How many fell into which bucket over time: columns are times, the newest at the right, rows are buckets, the smallest
 * at the bottom. Drawn on a canvas, since it may have thousands of cells.
 */
export function HeatMap({
  columns,
  label,
  rowNames,
  height = 60,
  tone = 'run',
}: {
  columns: readonly (readonly number[])[]
  /** What it shows, in words, and the most important of it. */
  label: string
  rowNames: readonly string[]
  height?: number
  tone?: 'run' | 'bad'
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const chosen = theme.value
  useEffect(() => {
    const element = canvas.current
    if (!element) return undefined
    const draw = (): void => paint(element, columns, rowNames.length, tone)
    draw()
    const observer = new ResizeObserver(draw)
    observer.observe(element)
    return () => observer.disconnect()
  }, [columns, rowNames.length, tone, chosen])
  return (
    <figure class="heat">
      <ol aria-hidden="true">
        {rowNames.toReversed().map((name) => (
          <li key={name}>{name}</li>
        ))}
      </ol>
      <canvas ref={canvas} role="img" aria-label={label} style={{ height: `${height}px` }} />
    </figure>
  )
}

function paint(canvas: HTMLCanvasElement, columns: readonly (readonly number[])[], rows: number, tone: string): void {
  const ratio = devicePixelRatio
  const { clientWidth, clientHeight } = canvas
  canvas.width = clientWidth * ratio
  canvas.height = clientHeight * ratio
  const context = canvas.getContext('2d')
  if (!context || columns.length === 0 || rows === 0) return
  const style = getComputedStyle(canvas)
  const color = style.getPropertyValue(`--${tone}`) || style.color
  const top = Math.max(1, ...columns.map((column) => Math.max(0, ...column)))
  const [width, height] = [canvas.width / columns.length, canvas.height / rows]
  context.fillStyle = color
  columns.forEach((column, x) => {
    for (let row = 0; row < rows; row += 1) {
      const value = column[row] ?? 0
      if (value === 0) continue
      // The logarithm: one that waited for long is to be seen beside thousands that did not.
      context.globalAlpha = 0.15 + 0.85 * (Math.log1p(value) / Math.log1p(top))
      context.fillRect(x * width + 0.5, canvas.height - (row + 1) * height + 0.5, width - 1, height - 1)
    }
  })
}
