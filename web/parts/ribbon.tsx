import { hourMinute } from './numbers.ts'
import type { Tone } from './state.tsx'

/** A stretch of a ribbon: from here to the next. */
export interface RibbonSpan {
  readonly fromMs: number
  readonly toMs: number
  readonly tone: Tone
  /** Shown on hover. */
  readonly text: string
}

/** A tick of a ribbon. */
export interface RibbonTick {
  readonly atMs: number
  readonly tone: Tone
  readonly text: string
  /** Hollow: it is still to come, or was missed. */
  readonly isHollow?: boolean
  readonly href?: string
}

const HEIGHT = 18
/** A tick is so wide, and less where there are many. */
const TICK = 5
const CROWD = 60

/** What happened over a time, as stretches and ticks on one line: states of a process, runs of a schedule. */
export function Ribbon({
  fromMs,
  toMs,
  spans = [],
  ticks = [],
  nowMs,
  label,
}: {
  fromMs: number
  toMs: number
  spans?: readonly RibbonSpan[]
  ticks?: readonly RibbonTick[]
  nowMs?: number
  /** What it shows, in words. */
  label: string
}) {
  const share = (ms: number): number => Math.max(0, Math.min(100, ((ms - fromMs) / (toMs - fromMs)) * 100))
  const x = (ms: number): string => `${share(ms).toFixed(3)}%`
  const isCrowded = ticks.length > CROWD
  return (
    // Shares of its width, not of a box that is stretched: ticks stay as wide as they are.
    <svg class="ribbon" height={HEIGHT} role="img" aria-label={label}>
      <line class="base" x1="0" x2="100%" y1={HEIGHT / 2} y2={HEIGHT / 2} />
      {spans.map(({ fromMs: a, toMs: b, tone, text }) => (
        <g key={a}>
          <rect
            class={`span tone-${tone}`}
            x={x(a)}
            y={tone === 'ok' ? 6 : tone === 'off' ? 8 : 3}
            width={`${(share(b) - share(a)).toFixed(3)}%`}
            height={tone === 'ok' ? 6 : tone === 'off' ? 2 : 12}
          >
            <title>{`${hourMinute(a)} ${text}`}</title>
          </rect>
          {/* However short it was, it is seen. */}
          {tone !== 'ok' && <line class={`edge tone-${tone}`} x1={x(a)} x2={x(a)} y1="3" y2="15" />}
        </g>
      ))}
      {ticks.map(({ atMs, tone, text, isHollow }, index) => {
        // Many that are still to come are no more than marks of a rule.
        const isMark = isCrowded && isHollow === true && tone === 'off'
        const width = isMark ? 1 : isCrowded ? 3 : TICK
        return (
          <rect
            key={`${atMs}-${index}`}
            class={`tick tone-${tone} ${isHollow && !isMark ? 'hollow' : ''}`}
            x={x(atMs)}
            y={tone === 'bad' ? 1 : isMark ? 6 : 4}
            width={width}
            height={tone === 'bad' ? 16 : isMark ? 6 : 10}
            rx="1"
            transform={`translate(${-width / 2} 0)`}
          >
            <title>{`${hourMinute(atMs)} ${text}`}</title>
          </rect>
        )
      })}
      {nowMs !== undefined && <line class="now" x1={x(nowMs)} x2={x(nowMs)} y1="0" y2={HEIGHT} />}
    </svg>
  )
}
