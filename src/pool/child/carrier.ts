import type { Order, Report } from './messages.ts'

/** How a child ended. */
export interface ChildExit {
  readonly exitCode: number | null
  readonly signal: string | null
}

/** What a thread is given. */
export interface ThreadData {
  /** Where its pool sees whether its event loop turns: `stall.ts`. */
  readonly buffer: SharedArrayBuffer
}

/** What a carrier tells. Nothing comes after `onExit`. */
export interface CarrierEvents {
  readonly onReports: (reports: readonly Report[]) => void
  /** What it wrote, whole lines without their ends. */
  readonly onLine: (stream: 'stdout' | 'stderr', line: string) => void
  readonly onExit: (exit: ChildExit) => void
}

/** A thread or process that runs `child-main`. */
export interface Carrier {
  /** Of the process, or of the thread. */
  readonly id: number
  /** Where a thread shows whether its event loop turns; a process has somebody of its own who looks. */
  readonly buffer?: SharedArrayBuffer
  /** Many orders go as one message. */
  send(orders: readonly Order[]): void
  /** Ends it at once, whatever it does, and all that it has started. */
  kill(): void
}
