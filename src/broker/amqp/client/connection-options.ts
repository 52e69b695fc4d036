import type { LinkError } from '../link.ts'

/** Limits and times of one connection. */
export interface ConnectionLimits {
  /** Longest wait for the answer to a call, and for a goodbye. */
  readonly callTimeoutMs: number
  /** Larger bodies come as empty, with their size. */
  readonly maxBodyBytes: number
  /** So much may gather while the socket takes nothing, before `hasRoom` is false. */
  readonly maxBufferedBytes: number
}

export interface AmqpConnectionEvents {
  /** Once, however it ended; not when opening it failed. */
  onClosed?(error: LinkError): void
  /** The broker takes no messages, with its reason; or takes them again, with undefined. */
  onBlocked?(reason: string | undefined): void
  /** `hasRoom` is true again. */
  onRoom?(): void
}
