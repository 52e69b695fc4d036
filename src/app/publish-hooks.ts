import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { HeaderValue, Headers } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Hooks, PublishEvent } from './hooks.ts'
import { SEND_CHECKS } from './task-options.ts'

/** What hooks are told of a message, beside the message. */
export type Publishing = Pick<PublishEvent, 'args' | 'kwargs' | 'exchange' | 'routingKey'>

/** Tells that a message is about to be sent, and takes the headers that hooks have put on it. */
export async function beforePublish(hooks: Hooks, request: TaskRequest, about: Publishing): Promise<TaskRequest> {
  const { id, task, custom } = request
  const [ours, own] = parted(custom)
  const headers: Record<string, HeaderValue> = own
  await hooks.run('beforeTaskPublish', { ...about, task, id, headers })
  try {
    const checked = SEND_CHECKS.headers(headers)
    return { ...request, custom: { ...checked, ...ours } }
  } catch (error) {
    log('error', 'app', 'headers of a hook are left out', {
      hook: 'beforeTaskPublish',
      task,
      id,
      error: messageOf(error),
    })
    return request
  }
}

/** Tells that the broker has a message. */
export function afterPublish(hooks: Hooks, { id, task }: TaskRequest, about: Publishing): Promise<void> {
  return hooks.run('afterTaskPublish', { ...about, task, id })
}

/** Our own headers, which are no hook's business, and all others. */
function parted(custom: Headers): [ours: Headers, own: Record<string, HeaderValue>] {
  const isOurs = ([name]: [string, HeaderValue]): boolean => name.startsWith('x-lovage-')
  const all = Object.entries(custom)
  return [Object.fromEntries(all.filter(isOurs)), Object.fromEntries(all.filter((entry) => !isOurs(entry)))]
}
