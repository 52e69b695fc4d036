/** The front door of Lovage. */
export { LovageError, isLovageError, ERRORS } from './base/errors.ts'
export type { ErrorCode, ErrorDetails } from './base/errors.ts'
export { onLog } from './base/log.ts'
export type { LogLevel, LogRecord } from './base/log.ts'
export type { Duration } from './base/duration.ts'
export type { Service } from './base/service.ts'
