// What may be done with workers: each asks first, for one or for several at a time.
import { confirmAct } from '../parts/confirm.tsx'
import { many } from '../parts/numbers.ts'

const whom = (names: readonly string[]): string =>
  names.length === 1 ? (names[0] ?? '') : many(names.length, 'worker')
const target = (names: readonly string[]): string | readonly string[] => (names.length === 1 ? (names[0] ?? '') : names)

const whole = (least: number) => (value: string) =>
  /^\d+$/.test(value) && Number(value) >= least ? undefined : `A whole number, ${least} or more`
const named = (value: string) => (value.trim() === '' ? 'A name is needed' : undefined)

/** `10/m`, `5/s`, `0` or nothing. */
const rateLike = (value: string) =>
  /^(\d+(\.\d+)?(\/[smh])?)?$/.test(value.trim()) ? undefined : 'As in 10/m, 5/s or 100/h; 0 for none'

const secondsLike = (value: string) =>
  value.trim() === '' || (Number(value) > 0 && Number.isFinite(Number(value))) ? undefined : 'Seconds, or nothing'

const msOf = (seconds: string | undefined): number | null =>
  seconds === undefined || seconds.trim() === '' ? null : Math.round(Number(seconds) * 1_000)

export const grow = (names: readonly string[]) =>
  confirmAct(
    {
      title: `Grow ${whom(names)}`,
      text: 'The pool gets more slots, at once and until the worker ends.',
      verb: 'Grow',
      fields: [{ name: 'count', label: 'By how many slots', type: 'number', value: '1', min: 1, check: whole(1) }],
    },
    'worker-grow',
    ({ count }) => ({ target: target(names), count: Number(count) }),
  )

export const shrink = (names: readonly string[]) =>
  confirmAct(
    {
      title: `Shrink ${whom(names)}`,
      text: 'The pool loses slots as they become free; no task is ended for it.',
      verb: 'Shrink',
      fields: [{ name: 'count', label: 'By how many slots', type: 'number', value: '1', min: 1, check: whole(1) }],
    },
    'worker-shrink',
    ({ count }) => ({ target: target(names), count: Number(count) }),
  )

export const autoscale = (names: readonly string[], now?: { readonly min: number; readonly max: number } | null) =>
  confirmAct(
    {
      title: `Autoscale ${whom(names)}`,
      text: 'The pool grows and shrinks by itself between two bounds.',
      verb: 'Set bounds',
      fields: [
        { name: 'min', label: 'At least', type: 'number', value: String(now?.min ?? 1), min: 0, check: whole(0) },
        { name: 'max', label: 'At most', type: 'number', value: String(now?.max ?? 8), min: 1, check: whole(1) },
      ],
    },
    'worker-autoscale',
    ({ min, max }) => ({ target: target(names), min: Number(min), max: Number(max) }),
  )

export const addQueue = (names: readonly string[]) =>
  confirmAct(
    {
      title: `Have ${whom(names)} read one more queue`,
      text: 'It is read from now on, until the worker ends.',
      verb: 'Add queue',
      fields: [{ name: 'queue', label: 'Queue', type: 'text', value: '', check: named }],
    },
    'worker-add-queue',
    ({ queue }) => ({ target: target(names), queue: queue?.trim() ?? '' }),
  )

export const cancelQueue = (names: readonly string[], queue = '') =>
  confirmAct(
    {
      title: queue === '' ? `Have ${whom(names)} leave a queue` : `Have ${whom(names)} leave ${queue}`,
      text: 'What it holds of the queue it finishes; then others read it, or nobody.',
      verb: 'Leave queue',
      isDanger: true,
      fields: queue === '' ? [{ name: 'queue', label: 'Queue', type: 'text', value: '', check: named }] : [],
    },
    'worker-cancel-queue',
    (answers) => ({ target: target(names), queue: queue === '' ? (answers['queue']?.trim() ?? '') : queue }),
  )

export const rateLimit = (names: readonly string[], task: string, now: string | null) =>
  confirmAct(
    {
      title: `Rate limit of ${task}`,
      text: `How many may start in a time, on ${whom(names)}.`,
      verb: 'Set limit',
      fields: [
        { name: 'rate', label: 'Rate', type: 'text', value: now ?? '', hint: '10/m, 5/s; 0 for none', check: rateLike },
      ],
    },
    'worker-rate-limit',
    ({ rate }) => ({ target: target(names), task, rate: rate?.trim() || '0' }),
  )

const SECONDS = 'seconds; nothing: none'
const secondsOf = (ms: number | null): string => (ms === null ? '' : String(ms / 1_000))

/** Both are set at once, so that what stands now is filled in. */
export const timeLimit = (names: readonly string[], task: string, softMs: number | null, hardMs: number | null) =>
  confirmAct(
    {
      title: `Time limits of ${task}`,
      text: `At the soft limit the task is told, at the hard one it is ended; on ${whom(names)}, for tasks that start from now on.`,
      verb: 'Set limits',
      fields: [
        { name: 'soft', label: 'Soft', type: 'text', value: secondsOf(softMs), hint: SECONDS, check: secondsLike },
        { name: 'hard', label: 'Hard', type: 'text', value: secondsOf(hardMs), hint: SECONDS, check: secondsLike },
      ],
    },
    'worker-time-limit',
    ({ soft, hard }) => ({ target: target(names), task, softMs: msOf(soft), hardMs: msOf(hard) }),
  )

export const restartPool = (names: readonly string[]) =>
  confirmAct(
    {
      title: `Restart the pool of ${whom(names)}`,
      text: 'Children are replaced, and load their modules anew; what runs is finished first.',
      verb: 'Restart pool',
      isDanger: true,
    },
    'worker-pool-restart',
    { target: target(names) },
  )

/** @param isOurs all of them are workers of Lovage: Python's can be asked to end warmly only */
export const shutDown = (names: readonly string[], isOurs: boolean) =>
  confirmAct(
    {
      title: `Shut down ${whom(names)}`,
      text: 'What runs is finished, what has not begun goes back to its queue, then the process ends. Nobody but a supervisor starts it again.',
      verb: 'Shut down',
      isDanger: true,
      typed: names.length === 1 ? (names[0] ?? '') : `${names.length} workers`,
      fields: isOurs
        ? [
            {
              name: 'cold',
              label: 'Cut off what runs',
              type: 'check',
              value: 'false',
              hint: 'it goes back to its queue',
            },
          ]
        : [],
    },
    'worker-shutdown',
    ({ cold }) => ({ target: target(names), ...(cold === 'true' ? { how: 'cold' as const } : {}) }),
  )
