import { lovage, type App } from '../../app/app.ts'
import { Ignore, Reject } from '../../app/control-flow.ts'
import { currentTask } from '../../app/current-task.ts'

/**
 * The tasks that the pool suite runs. A module of its own, because pools with children load it there; `app` is what such a
 * child looks for.
 */
export const app: App = lovage('pool-suite', {})

class OrderError extends Error {
  override name = 'OrderError'
}

/** Resolves when the signal of the current task aborts. */
function aborted(): Promise<Error> {
  const { signal } = currentTask()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason as Error), { once: true })
  })
}

app.task('echo', (...args: unknown[]) => args)
app.task('add', (x: number, y: number) => x + y)
app.task('named', { params: ['x', 'y'] }, (x: number, y: number) => x - y)
app.task('nothing', () => {})
app.task('later', async (x: number) => {
  await Promise.resolve()
  return { x }
})
app.task('fail', (message: string) => {
  throw new OrderError(message, { cause: new TypeError('the cause') })
})
app.task('fail-later', async (message: string) => {
  await Promise.resolve()
  throw new RangeError(message)
})
app.task('throw-text', () => {
  throw 'only text'
})
app.task('circular', () => {
  const order: Record<string, unknown> = { lines: [{ price: 1 }] }
  ;(order.lines as unknown[]).push({ order })
  return order
})
app.task('not-a-number', () => ({ sum: Number.NaN }))
app.task('about-me', async (_what: unknown) => {
  await Promise.resolve()
  const { id, name, args, kwargs, retries, delivery, hostname, request } = currentTask()
  return { id, name, args, kwargs, retries, delivery, hostname, group: request.group }
})
app.task('progress', async (steps: number) => {
  const { progress, updateState } = currentTask()
  const meta = { step: 0 }
  for (meta.step = 1; meta.step <= steps; meta.step++) progress(meta)
  updateState('NEARLY', null)
  return steps
})
app.task('claims-success', () => currentTask().updateState('SUCCESS', 1))
app.task('progress-unencodable', () => currentTask().progress({ at: [() => 1] }))
app.task('until-aborted', async () => (await aborted()).message)
app.task('lets-abort-through', async () => {
  throw await aborted()
})
app.task('wraps-abort', async () => {
  const reason = await aborted()
  const error = new Error('The operation was aborted', { cause: reason })
  error.name = 'AbortError'
  throw error
})
app.task('never', () => new Promise<never>(() => {}))
app.task('soft-limited', { softTimeLimit: 1 }, async () => {
  throw await aborted()
})
app.task('hard-limited', { timeLimit: 20 }, () => new Promise<never>(() => {}))
app.task('ignore', () => {
  throw new Ignore('done')
})
app.task('reject', () => {
  throw new Reject('not mine')
})
app.task('reject-requeue', () => {
  throw new Reject('not now', { requeue: true })
})
app.task('retry', { maxRetries: 2, retryDelay: '7s' }, (countdown: number | null) => {
  throw currentTask().retry(countdown === null ? {} : { countdown })
})
app.task('retry-because', { maxRetries: 1 }, () => {
  throw currentTask().retry({ countdown: 0, cause: new OrderError('out of stock') })
})
app.task(
  'retry-on',
  { retryOn: [RangeError, 'OrderError'], retryBackoff: '1s', retryJitter: false },
  (kind: string) => {
    if (kind === 'range') throw new RangeError('out of range')
    throw kind === 'order' ? new OrderError('out of stock') : new TypeError('no order')
  },
)
app.task('dont-retry-on', { retryOn: [Error], dontRetryOn: [TypeError] }, (kind: string) => {
  throw kind === 'type' ? new TypeError('mine') : new Error('theirs')
})
