import { startThread } from '../../base/thread.ts'

/**
 * Ends this process and all that it has started when its parent is gone, even while a task keeps its loop from turning:
 * a thread looks.
 */
export function watchParent(): void {
  const file = import.meta.url.endsWith('.ts') ? './watch-thread.ts' : './watch-thread.js'
  const thread = startThread(new URL(file, import.meta.url), { workerData: process.ppid })
  thread.unref()
}
