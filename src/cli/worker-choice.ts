import { hostname as hostOfMachine } from 'node:os'
import type { App } from '../app/app.ts'
import type { Worker, WorkerOptions } from '../worker/worker.ts'

/** What is chosen about a worker on the command line or in the configuration. */
export interface WorkerChoice extends Omit<WorkerOptions, 'module'> {
  /** Files that define the tasks. */
  readonly module?: readonly string[]
  /** Name of the node; `%h` is the host, `%n` its first part, `%d` the rest, `%%` a per cent sign, as in Celery. */
  readonly hostname?: string
}

/**
 * Makes a worker, not started. The worker's module is loaded here, so that commands without one do not pay for it.
 * @throws LovageError `OPTION_INVALID`
 */
export async function makeWorker(
  app: App,
  { hostname, concurrency, module, ...choice }: WorkerChoice,
): Promise<Worker> {
  const { worker } = await import('../worker/worker.ts')
  // Celery's solo pool runs one task at a time; here that is the async pool with one slot.
  const slots = concurrency ?? (choice.pool === 'solo' ? 1 : undefined)
  return worker(app, {
    ...choice,
    ...(module && module.length > 0 && { module }),
    concurrency: slots,
    hostname: hostname === undefined ? undefined : expandHostname(hostname),
  })
}

/** Celery's `%h`, `%n`, `%d`, `%%` in the name of a node; a name without `@` gets the host. */
export function expandHostname(pattern: string, host = hostOfMachine()): string {
  const [name = '', ...domain] = host.split('.')
  const parts: Readonly<Record<string, string>> = { h: host, n: name, d: domain.join('.'), '%': '%' }
  const expanded = pattern.replace(/%([hnd%])/g, (_whole, letter: string) => parts[letter] as string)
  return expanded.includes('@') ? expanded : `${expanded}@${host}`
}
