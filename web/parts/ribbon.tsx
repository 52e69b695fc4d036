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

const WIDTH = 480
const HEIGHT = 18

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
  const x = (ms: number): number => Math.max(0, Math.min(WIDTH, ((ms - fromMs) / (toMs - fromMs)) * WIDTH))
  return (
    <svg class="ribbon" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <line class="base" x1="0" x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} />
      {spans.map(({ fromMs: a, toMs: b, tone, text }) => (
        <rect
          key={a}
          class={`span tone-${tone}`}
          x={x(a)}
          y={tone === 'ok' ? 6 : 3}
          width={Math.max(1, x(b) - x(a))}
          height={tone === 'ok' ? 6 : 12}
        >
          <title>{`${hourMinute(a)} ${text}`}</title>
        </rect>
      ))}
      {ticks.map(({ atMs, tone, text, isHollow }, index) => (
        <rect
          key={`${atMs}-${index}`}
          class={`tick tone-${tone} ${isHollow ? 'hollow' : ''}`}
          x={x(atMs) - 1.5}
          y={tone === 'bad' ? 1 : 4}
          width="3"
          height={tone === 'bad' ? 16 : 10}
          rx="1"
        >
          <title>{`${hourMinute(atMs)} ${text}`}</title>
        </rect>
      ))}
      {nowMs !== undefined && <line class="now" x1={x(nowMs)} x2={x(nowMs)} y1="0" y2={HEIGHT} />}
    </svg>
  )
}
