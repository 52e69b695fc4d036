import type { ScheduleList } from '../../src/dashboard/api.ts'
import { many } from '../parts/numbers.ts'
import type { RibbonTick } from '../parts/ribbon.tsx'
import { toneOf, type Tone } from '../parts/state.tsx'
import { furtherTicks, MOST_TOLD } from './coming-ticks.ts'

type Schedule = ScheduleList['schedules'][number]

export const DAY_MS = 86_400_000

/** Ticks closer than that cannot be told apart: they become one, with the worst of their outcomes. */
const PLACES = 160

/** A run that was planned and not made. */
export const isMissed = (state: string): boolean => state === 'MISSED' || state === 'SKIPPED'

const WORST_FIRST: readonly Tone[] = ['bad', 'warn', 'run', 'wait', 'off', 'ok']

interface Bundle {
  atMs: number
  count: number
  tone: Tone
  missed: number
  states: Map<string, number>
}

/** The ticks of the last and the next 24 h, those that fall together made one. */
export function ticksOf({ past, coming, schedule }: Schedule, nowMs: number): RibbonTick[] {
  const bundles = new Map<number, Bundle>()
  const add = (atMs: number, state: string, tone: Tone, more = 1): void => {
    const place = Math.floor(((atMs - nowMs + DAY_MS) / (2 * DAY_MS)) * PLACES)
    // What is still to come stands apart from what was, even next to each other.
    const key = state === 'planned' ? PLACES + place : place
    const found = bundles.get(key) ?? { atMs, count: 0, tone, missed: 0, states: new Map<string, number>() }
    found.count += more
    if (isMissed(state)) found.missed += 1
    if (WORST_FIRST.indexOf(tone) < WORST_FIRST.indexOf(found.tone)) found.tone = tone
    found.states.set(state, (found.states.get(state) ?? 0) + more)
    bundles.set(key, found)
  }
  for (const { atMs, state } of past) {
    if (atMs >= nowMs - DAY_MS) add(atMs, state, isMissed(state) ? 'warn' : toneOf(state))
  }
  for (const atMs of coming) if (atMs <= nowMs + DAY_MS) add(atMs, 'planned', 'off')
  for (const { atMs, count } of furtherTicks(schedule, coming, nowMs + DAY_MS, (2 * DAY_MS) / PLACES)) {
    add(atMs, 'planned', 'off', count)
  }
  return [...bundles.values()].map(({ atMs, count, tone, missed, states }) => ({
    atMs,
    tone,
    text:
      count === 1
        ? wordOf([...states.keys()][0] ?? '')
        : [...states].map(([state, n]) => `${n} ${wordOf(state)}`).join(', '),
    isHollow: states.has('planned') || missed === count,
  }))
}

const wordOf = (state: string): string => (isMissed(state) ? 'missed' : state.toLowerCase())

/** What the ribbon shows, for those who do not see it. */
export function ribbonWords({ name, past, coming, isPaused }: Schedule, nowMs: number): string {
  const recent = past.filter(({ atMs }) => atMs >= nowMs - DAY_MS)
  const of = (tone: (state: string) => boolean): number => recent.filter(({ state }) => tone(state)).length
  const failed = of((state) => state === 'FAILURE')
  const missed = of(isMissed)
  const parts = [
    `${many(recent.length - missed, 'run')} in the last 24 h`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(missed > 0 ? [`${missed} missed`] : []),
    isPaused ? 'paused' : `${coming.length >= MOST_TOLD ? 'over 300' : coming.length} in the next 24 h`,
  ]
  return `${name}: ${parts.join(', ')}`
}
