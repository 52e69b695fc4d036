import type { LogRecord } from '../../../base/log.ts'

/** What the thread of the engine is started with. */
export interface ThreadOptions {
  readonly folder: string
  /** Where it listens for clients. */
  readonly socketPath: string
  readonly sync: boolean
}

/** What it tells the thread that started it. */
export type ThreadReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly kind: 'log'; readonly record: LogRecord }
