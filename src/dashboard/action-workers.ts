import { type Check, oneOf, shown, Unfit, whole } from '../app/check.ts'
import type { ControlOptions } from '../app/control.ts'
import type { NodeReply } from '../fleet/ask.ts'
import { isRecord } from '../protocol/signature.ts'
import { type Action, action, type ActionGround, answerOf, listOfNames, maybe, name, nameOrNames } from './action.ts'
import type { ActionAnswer } from './api.ts'

/** Longest wait for the answer of a worker: one that computes answers late. */
const PATIENCE = '5s'

/** At most so many slots are added or taken away by one click. */
const slots = maybe(whole(1, 1_000))
const size = whole(0, 10_000)

const rate: Check<string | number> = (value) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  if (typeof value === 'string' && /^\d+(\.\d+)?(\/[smh])?$/.test(value)) return value
  throw new Unfit(`is ${shown(value)}`, "Send '10/s', '100/m', '1000/h', a number a second, or 0 for no limit")
}

const limitMs: Check<number | null> = (value) => {
  if (value === null || (typeof value === 'number' && Number.isFinite(value) && value > 0)) return value
  throw new Unfit(`is ${shown(value)}`, 'Send milliseconds, or null for no limit')
}

/** Of a worker that would take it for a warm one. */
const NO_COLD = 'was not told: only workers of Lovage can be ended coldly from afar'

type Asks = (options: ControlOptions) => Promise<readonly NodeReply[]>

/** What is done to workers; each answers for itself, ours and Python's. */
export const WORKER_ACTIONS = {
  'worker-grow': action<'worker-grow'>({ target: nameOrNames, count: slots }, (ground, { target, count = 1 }) =>
    steer(ground, 'Grow', target, (to) => ground.context.app.control.poolGrow(count, to)),
  ),
  'worker-shrink': action<'worker-shrink'>({ target: nameOrNames, count: slots }, (ground, { target, count = 1 }) =>
    steer(ground, 'Shrink', target, (to) => ground.context.app.control.poolShrink(count, to)),
  ),
  'worker-autoscale': action<'worker-autoscale'>(
    { target: nameOrNames, min: size, max: size },
    (ground, { target, min, max }) =>
      steer(ground, 'Autoscale', target, (to) => ground.context.app.control.autoscale(max, min, to)),
  ),
  'worker-add-queue': action<'worker-add-queue'>({ target: nameOrNames, queue: name }, (ground, { target, queue }) =>
    steer(ground, `Read ${queue}`, target, (to) => ground.context.app.control.addConsumer(queue, to)),
  ),
  'worker-cancel-queue': action<'worker-cancel-queue'>(
    { target: nameOrNames, queue: name },
    (ground, { target, queue }) =>
      steer(ground, `Read ${queue} no more`, target, (to) => ground.context.app.control.cancelConsumer(queue, to)),
  ),
  'worker-rate-limit': action<'worker-rate-limit'>(
    { target: nameOrNames, task: name, rate },
    (ground, { target, task, rate: given }) =>
      steer(ground, `Rate limit of ${task}`, target, (to) => ground.context.app.control.rateLimit(task, given, to)),
  ),
  'worker-time-limit': action<'worker-time-limit'>(
    { target: nameOrNames, task: name, softMs: maybe(limitMs), hardMs: maybe(limitMs) },
    (ground, { target, task, softMs, hardMs }) => {
      const limits = { ...(softMs && { soft: softMs }), ...(hardMs && { hard: hardMs }) }
      return steer(ground, `Time limits of ${task}`, target, (to) =>
        ground.context.app.control.timeLimit(task, { ...to, ...limits }),
      )
    },
  ),
  'worker-pool-restart': action<'worker-pool-restart'>({ target: nameOrNames }, (ground, { target }) =>
    steer(ground, 'Restart the pool', target, (to) => ground.context.app.control.poolRestart(to)),
  ),
  'worker-shutdown': action<'worker-shutdown'>(
    { target: nameOrNames, how: maybe(oneOf('warm', 'cold')) },
    async ({ context }, { target, how = 'warm' }) => {
      const names = listOfNames(target)
      const rows = new Map(names.map((worker) => [worker, context.fleet.worker(worker)]))
      const told = names.filter((worker) => how === 'warm' || rows.get(worker)?.software === 'lovage')
      // Who ends does not answer.
      if (told.length > 0) await context.app.control.shutdown({ destination: told, how })
      context.changed('workers')
      const end =
        how === 'warm' ? 'will end when what runs there has' : 'ends now: what runs there goes back to its queue'
      const each = names.map((worker) => {
        if (!told.includes(worker)) return [worker, { ok: false, text: NO_COLD }] as const
        const isThere = rows.get(worker)?.status === 'online'
        return [worker, { ok: isThere, text: isThere ? end : 'was told to end, and nothing is heard of it' }] as const
      })
      return answerOf('Shut down', Object.fromEntries(each))
    },
  ),
} satisfies Readonly<Record<string, Action>>

async function steer(
  { context }: ActionGround,
  what: string,
  target: string | readonly string[],
  ask: Asks,
): Promise<ActionAnswer> {
  const names = listOfNames(target)
  const replies = await ask({ destination: names, reply: true, timeout: PATIENCE })
  const answers = new Map(replies.map(({ hostname, value }) => [hostname, saidBy(value)]))
  const silent = { ok: false, text: 'has not answered: it may be gone, or busy' }
  const each = Object.fromEntries(names.map((worker) => [worker, answers.get(worker) ?? silent]))
  // What pages show of them is what they answer, so they are asked again.
  void context.fleet.refresh().catch(() => {})
  context.changed('workers')
  return answerOf(what, each)
}

/** What a worker has answered to a command, in its own words. */
export function saidBy(value: unknown): { readonly ok: boolean; readonly text: string } {
  if (!isRecord(value)) return { ok: true, text: 'done' }
  if ('error' in value) return { ok: false, text: String(value['error']) }
  const { ok } = value
  return { ok: true, text: typeof ok === 'string' ? ok : 'done' }
}
