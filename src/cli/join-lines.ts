import { systemClock, type Clock } from '../base/clock.ts'
import { DueHeap, type Due } from '../base/due-heap.ts'
import type { LogRecord } from '../base/log.ts'

/** How long the line of a run waits for the line of its request, which says the same and more. */
const PATIENCE_MS = 250
/** Requests whose run may still be told of. */
const MOST_REMEMBERED = 1_000

/** What the banner and the lines of a reload say already. */
const TOLD_ELSEWHERE = new Set(['listening', 'worker ready', 'worker stops', 'worker stopped'])

export interface JoinedLines {
  take(record: LogRecord): void
  /** Lets go of what is held back. */
  flush(): void
}

/**
 * Where gateway and worker share a process, one request would give two lines. This passes records on, but drops the line
 * of a successful run when the line of the request that it belongs to has told it, and what is told elsewhere.
 */
export function joinLines(pass: (record: LogRecord) => void, clock: Clock = systemClock): JoinedLines {
  const held = new Map<string, { due: Due; release: () => void }>()
  const told = new Set<string>()
  const heap = new DueHeap(clock, { unref: true })

  const requestTold = (id: string): void => {
    const run = held.get(id)
    if (run) {
      run.due.cancel()
      held.delete(id)
      return
    }
    if (told.size >= MOST_REMEMBERED) told.delete(told.values().next().value as string)
    told.add(id)
  }

  const hold = (id: string, record: LogRecord): void => {
    const release = (): void => {
      held.delete(id)
      pass(record)
    }
    held.set(id, { due: heap.add(PATIENCE_MS, release), release })
  }

  return {
    take(record) {
      const { room, message, level, fields } = record
      const id = fields['id']
      if (level === 'info' && TOLD_ELSEWHERE.has(message)) return
      if (level !== 'info' || typeof id !== 'string') return pass(record)
      if (room === 'gateway' && message === 'request' && fields['runMs'] !== undefined) {
        requestTold(id)
        return pass(record)
      }
      if (room !== 'worker' || message !== 'task done' || fields['state'] !== 'SUCCESS') return pass(record)
      if (!told.delete(id)) hold(id, record)
    },
    flush() {
      for (const { due, release } of [...held.values()]) {
        due.cancel()
        release()
      }
    },
  }
}
