import { channel } from 'node:diagnostics_channel'

/** How much a log line matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One thing worth telling. Rooms emit these; the CLI, or the user's own listener, decides what becomes of them. */
export interface LogRecord {
  level: LogLevel
  /** The room that speaks, e.g. `'worker'`. */
  room: string
  /** One sentence without the values, so that lines can be counted. */
  message: string
  /** The values. */
  fields: Readonly<Record<string, unknown>>
}

const records = channel('lovage:log')

/** Tells on `diagnostics_channel` `lovage:log`. Costs next to nothing when nobody listens. */
export function log(
  level: LogLevel,
  room: string,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  if (records.hasSubscribers) records.publish({ level, room, message, fields } satisfies LogRecord)
}

/** Whether anybody listens. Asking first spares busy places the making of the fields. */
export function isLogged(): boolean {
  return records.hasSubscribers
}

/** Calls `listener` with every log record of this process; the returned function ends that. */
export function onLog(listener: (record: LogRecord) => void): () => void {
  const take = (record: unknown): void => listener(record as LogRecord)
  records.subscribe(take)
  return () => void records.unsubscribe(take)
}
