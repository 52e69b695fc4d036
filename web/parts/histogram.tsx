import { useRef, useState } from 'preact/hooks'
import { clock, count, hourMinute } from './numbers.ts'

const [WIDTH, HEIGHT] = [1_000, 44]

/** How many there were when; drawing over it narrows the time. */
export function Histogram({
  fromMs,
  stepMs,
  counts,
  label,
  onBrush,
}: {
  fromMs: number
  stepMs: number
  counts: readonly number[]
  /** What is counted: `tasks that match`. */
  label: string
  onBrush(fromMs: number, toMs: number): void
}) {
  const svg = useRef<SVGSVGElement>(null)
  const [brush, setBrush] = useState<readonly [number, number]>()
  const top = Math.max(1, ...counts)
  const toMs = fromMs + stepMs * counts.length
  const bar = WIDTH / Math.max(1, counts.length)
  const at = (event: PointerEvent): number => {
    const box = svg.current?.getBoundingClientRect()
    return box ? Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) : 0
  }
  const timeAt = (share: number): number => fromMs + share * (toMs - fromMs)
  const finish = (): void => {
    if (!brush) return
    const [a, b] = [Math.min(...brush), Math.max(...brush)]
    setBrush(undefined)
    if (b - a > 0.005) onBrush(timeAt(a), timeAt(b))
  }
  const most = counts.indexOf(top)
  const words = `${label} from ${hourMinute(fromMs)} to ${hourMinute(toMs)}; the most, ${count(top)}, at ${hourMinute(fromMs + Math.max(0, most) * stepMs)}`
  return (
    <figure class="histogram">
      <svg
        ref={svg}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          setBrush([at(event), at(event)])
        }}
        onPointerMove={(event) => brush && setBrush([brush[0], at(event)])}
        onPointerUp={finish}
        onPointerCancel={() => setBrush(undefined)}
      >
        {counts.map((value, index) => {
          const height = value === 0 ? 0 : Math.max(1.5, (value / top) * (HEIGHT - 4))
          return (
            <rect key={index} x={index * bar + 1} y={HEIGHT - height} width={Math.max(1, bar - 2)} height={height}>
              <title>{`${clock(fromMs + index * stepMs)}: ${count(value)}`}</title>
            </rect>
          )
        })}
        {brush && (
          <rect
            class="brush"
            x={Math.min(...brush) * WIDTH}
            y="0"
            width={Math.abs(brush[1] - brush[0]) * WIDTH}
            height={HEIGHT}
          />
        )}
      </svg>
      <figcaption aria-hidden="true">
        <span>{hourMinute(fromMs)}</span>
        <span>
          {brush
            ? `${clock(timeAt(Math.min(...brush)))} to ${clock(timeAt(Math.max(...brush)))}`
            : 'draw over it to narrow the time'}
        </span>
        <span>{hourMinute(toMs)}</span>
      </figcaption>
    </figure>
  )
}
