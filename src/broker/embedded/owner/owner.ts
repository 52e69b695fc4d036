import { log } from '../../../base/log.ts'
import { type Clock } from '../../../base/clock.ts'
import { type ErrorCode, LovageError, messageOf } from '../../../base/errors.ts'
import { startThread } from '../../../base/thread.ts'
import { claim } from './claim.ts'
import { leaveOwnerRecord, refuseForeignOwner } from './guard.ts'
import type { Place } from './place.ts'
import type { ThreadOptions, ThreadReport } from './thread-report.ts'

/** The socket at which an owner serves its clients. */
export const SOCKET = 'socket'

/** What this process runs while it owns a place: the thread of the engine, and the claim around it. */
export interface Owner {
  /** Rejects when the engine could not be started; resolves when clients are served. */
  readonly ready: Promise<void>
  /** Resolves when the thread has ended and the claim is released. */
  readonly ended: Promise<void>
  /** Writes down what is to be written, and ends it. */
  stop(): Promise<void>
}

/**
 * Becomes the owner of a place, if nobody is.
 * @throws LovageError `HOME_OWNED`
 */
export async function becomeOwner(place: Place, clock: Clock, sync: boolean): Promise<Owner | undefined> {
  refuseForeignOwner(place)
  const claimed = await claim(place, clock)
  if (!claimed) return undefined
  let unsay: (() => void) | undefined
  try {
    unsay = leaveOwnerRecord(place)
    return startEngine(place, sync, () => {
      unsay?.()
      claimed.release()
    })
  } catch (error) {
    unsay?.()
    claimed.release()
    throw error
  }
}

function startEngine(place: Place, sync: boolean, onEnded: () => void): Owner {
  const workerData: ThreadOptions = { folder: place.folder, socketPath: place.socketPath(SOCKET), sync }
  const name = import.meta.url.endsWith('.ts') ? './engine-thread.ts' : './engine-thread.js'
  const thread = startThread(new URL(name, import.meta.url), {
    workerData,
    name: 'lovage embedded broker',
    // Not the program's own flags: loaders and --input-type are for its code, and would slow this down or end it.
    execArgv: [],
  })
  let isStopping = false
  let reason: string | undefined
  const ended = new Promise<void>((resolve) => {
    thread.once('exit', () => {
      // Only now has the last byte been written.
      onEnded()
      if (!isStopping) {
        const fields = { folder: place.folder, error: reason ?? 'its thread was ended' }
        log('error', 'broker', 'the embedded broker of this process has ended', fields)
      }
      resolve()
    })
  })
  const ready = new Promise<void>((resolve, reject) => {
    thread.on('message', (report: ThreadReport) => {
      if (report.kind === 'ready') {
        // From here on the connections of this process's own brokers keep it alive, not the engine.
        if (!isStopping) thread.unref()
        resolve()
      }
      if (report.kind === 'failed') {
        const error = new LovageError(report.code as ErrorCode, report.details)
        reason = error.message
        reject(error)
      }
      if (report.kind === 'log')
        log(report.record.level, report.record.room, report.record.message, report.record.fields)
    })
    thread.once('error', (error) => {
      reason = messageOf(error)
      reject(error)
    })
    thread.once('exit', () => reject(new LovageError('BROKER_CLOSED')))
  })
  ready.catch((error: unknown) => {
    log('error', 'broker', 'the embedded broker cannot run', { folder: place.folder, error: messageOf(error) })
  })
  return {
    ready,
    ended,
    async stop() {
      isStopping = true
      // What it still has to write is worth waiting for.
      thread.ref()
      thread.postMessage('stop')
      await ended
    },
  }
}
