import { currentTaskIfAny } from '../../app/current-task.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { tracebackOf } from '../../protocol/failure.ts'

let users = 0

/**
 * From now on a promise of a task that is rejected and that nobody waits for does not end this process, as Node would have
 * it: the other tasks are not to blame. It is logged with the task it is of. What is of no task ends the process as before.
 * The returned function ends that.
 */
export function containRejections(): () => void {
  if (users++ === 0) process.on('unhandledRejection', contain)
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    if (--users === 0) process.off('unhandledRejection', contain)
  }
}

function contain(reason: unknown): void {
  const current = currentTaskIfAny()
  if (current) {
    const { name: task, id } = current
    const fields = { task, id, error: messageOf(reason), stack: tracebackOf(reason) }
    return log('error', 'pool', 'a promise of this task was rejected and nobody waited for it', fields)
  }
  // Where somebody else listens Node leaves it to them.
  if (process.listenerCount('unhandledRejection') === 1) throw reason
}
