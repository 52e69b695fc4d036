import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { errorReply, isThenable, replyOf, type Reply } from './reply.ts'
import type { RouteRequest } from './route.ts'

/** Makes a handler of the user's answer with data, whatever it does. `where` names its route, for the log. */
export function handlerAnswer(
  where: string,
  handler: (request: RouteRequest) => unknown,
  contentType: string | undefined,
): (request: RouteRequest) => Reply | Promise<Reply> {
  const failed = (thrown: unknown): Reply => {
    const error = isLovageError(thrown)
      ? thrown
      : new LovageError('HANDLER_FAILED', { route: where, problem: messageOf(thrown) }, { cause: thrown })
    const reply = errorReply(error)
    if (reply.status === 500) log('error', 'gateway', 'request could not be handled', { route: where, error: thrown })
    return reply
  }
  const dressed = (value: unknown): Reply => replyOf(value, contentType)
  return (request) => {
    try {
      const value = handler(request)
      if (!isThenable(value)) return dressed(value)
      return Promise.resolve(value).then(dressed).catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
}
