import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts a thread. Where Lovage runs from its sources (its own tests), the thread too is given what understands
 * TypeScript; a published package knows only JavaScript.
 */
export function startThread(file: URL, options: WorkerOptions): Worker {
  const isSource = file.pathname.endsWith('.ts')
  return new Worker(file, isSource ? { ...options, execArgv: ['--import', 'jiti/register'] } : options)
}
