// States are a word, a shape and a colour: never a colour alone.
import { age, exactly } from './numbers.ts'
import { now } from '../live/clock.ts'

export type Tone = 'ok' | 'bad' | 'warn' | 'run' | 'wait' | 'off'

const TONES: Readonly<Record<string, Tone>> = {
  // Tasks, in Celery's words.
  SUCCESS: 'ok',
  FAILURE: 'bad',
  REJECTED: 'bad',
  RETRY: 'warn',
  STARTED: 'run',
  PROGRESS: 'run',
  RECEIVED: 'wait',
  PENDING: 'wait',
  SENT: 'wait',
  REVOKED: 'off',
  // Processes, in supervisord's.
  RUNNING: 'ok',
  STARTING: 'run',
  STOPPING: 'run',
  BACKOFF: 'warn',
  FATAL: 'bad',
  EXITED: 'off',
  STOPPED: 'off',
  UNKNOWN: 'warn',
  // Workers, gateways, items of a job, entries of the audit log.
  ONLINE: 'ok',
  OFFLINE: 'bad',
  LEFT: 'off',
  QUEUED: 'wait',
  DONE: 'ok',
  FAILED: 'bad',
  CANCELLED: 'off',
  REFUSED: 'warn',
  PAUSED: 'off',
}

/** The tone of a state of anything; unknown words are quiet. */
export function toneOf(state: string | null | undefined): Tone {
  return TONES[state?.toUpperCase() ?? ''] ?? 'wait'
}

const SHAPES: Readonly<Record<Tone, string>> = {
  ok: 'M2 5.5 4.2 8 8.2 2.4',
  bad: 'M2.2 2.2 7.8 7.8M7.8 2.2 2.2 7.8',
  warn: 'M5 1.4 9 8.6H1Z',
  run: 'M2.5 1.6 8.4 5 2.5 8.4Z',
  wait: 'M5 1.8a3.2 3.2 0 1 0 .01 0Z',
  off: 'M1.8 5h6.4',
}

/** The shape of a tone alone, beside a word that says it. */
export function Shape({ tone }: { tone: Tone }) {
  return (
    <svg class={`shape tone-${tone}`} viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
      <path d={SHAPES[tone]} />
    </svg>
  )
}

/** A state: `<State of="FAILURE" />`. With `tone` for a word that is none of the table's. */
export function State({ of, tone = toneOf(of) }: { of: string; tone?: Tone }) {
  return (
    <span class={`state tone-${tone}`}>
      <Shape tone={tone} />
      {of.toLowerCase()}
    </span>
  )
}

/** How long ago something was, going on by itself: `3s`. */
export function Age({ at, ago = false }: { at: number | null | undefined; ago?: boolean }) {
  if (at === null || at === undefined) return <span class="faint">–</span>
  const passed = now.value - at
  const text = passed < -1_000 ? `in ${age(-passed)}` : age(Math.max(0, passed))
  return (
    <time dateTime={new Date(at).toISOString()} title={exactly(at)}>
      {text}
      {ago && passed >= 1_000 ? ' ago' : ''}
    </time>
  )
}
