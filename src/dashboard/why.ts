import type { App } from '../app/app.ts'
import { LovageError } from '../base/errors.ts'
import type { Why } from './api.ts'
import { gather, type WhyOptions } from './why/gather.ts'
import { rank } from './why/rank.ts'

export type { Why, WhyOptions }

/** Longest id that is asked for: what a short string of AMQP can hold. */
const MOST_ID = 255

/**
 * Why a task is not running, or what became of it; the likeliest reason first, always at least one. Asks the result
 * backend, all workers, and the queues that it may be in, up to so many messages of which it takes out and puts back. What
 * cannot be found out is named in the answer, and no reason to throw; that includes a broker that cannot be reached.
 * @param id of a task; with `schedules` also the name of an entry, or of the task that it sends
 * @throws LovageError `OPTION_INVALID` for what can be no id
 */
export async function explain(app: App, id: string, options: WhyOptions = {}): Promise<Why> {
  if (id === '' || Buffer.byteLength(id) > MOST_ID) {
    const problem = `is ${id === '' ? 'empty' : `longer than ${MOST_ID} bytes`}`
    throw new LovageError('OPTION_INVALID', { option: 'id', where: 'why', problem, fix: 'Give the id of a task' })
  }
  return rank(await gather(app, id, options))
}
