import type { BindingSpec, ExchangeSpec } from '../broker.ts'
import type { EngineQueue } from './queue.ts'
import type { Entry } from './waiting.ts'

/** The ledger's own mark on a message that it has written down. */
export interface Kept {
  /** Written down as handed out: it comes back as redelivered. */
  isHanded: boolean
}

/** What an engine tells of what must outlive it. None of these may throw. */
export interface Ledger {
  /** A message that the engine itself puts into a queue: a dead letter. */
  put(entry: Entry, queue: EngineQueue): void
  handed(entry: Entry): void
  /** One that was in somebody's hands waits for a time from now on. */
  delayed(entry: Entry): void
  /** It is nowhere any more, or in a dead-letter queue under another number. */
  removed(entry: Entry): void
  exchangeDeclared(spec: ExchangeSpec): void
  exchangeDeleted(spec: ExchangeSpec): void
  queueDeclared(queue: EngineQueue): void
  /** With all that was in it, and its bindings. */
  queueDeleted(queue: EngineQueue): void
  bound(binding: BindingSpec): void
}
