import type { TaskDetail } from '../../src/dashboard/api.ts'

/** A call that sends the like of it, to be pasted. Arguments are known as Python writes them, and go as a comment. */
export function codeFor(task: TaskDetail): string {
  const name = JSON.stringify(task.name ?? '')
  const queue = task.queue === null ? '' : `, { queue: ${JSON.stringify(task.queue)} }`
  const oneLine = (text: string): string => text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ')
  return [
    `// As ${task.id} was sent: args ${oneLine(task.args ?? '()')} kwargs ${oneLine(task.kwargs ?? '{}')}`,
    `await app.sendTask(${name}, [/* args */], {/* kwargs */}${queue})`,
    '',
  ].join('\n')
}
