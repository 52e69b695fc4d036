import { readdirSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { LovageError, messageOf } from '../../../base/errors.ts'
import { link } from './link.ts'
import type { Place } from './place.ts'

/** Being the owner of a place. It ends with the process, whatever ends that: the kernel holds it. */
export interface Claim {
  /** Must not be called before the last write to the journal. */
  release(): void
}

/**
 * Claims the ownership of a place; undefined when somebody has it. Who is stopped or hangs keeps it: no clock decides.
 *
 * On Linux the claim is an abstract socket, named after the folder itself, which no process can remove. Abstract sockets
 * are seen within one network namespace only, so everywhere there is a second claim too: a listening socket in the folder,
 * under the next higher number, which all processes of the machine see, containers too.
 * @throws LovageError `HOME_UNUSABLE` where no sockets can be made
 */
export async function claim(place: Place, clock: Clock): Promise<Claim | undefined> {
  const abstract = process.platform === 'linux' ? await listen(`\0lovage-${place.identity}`) : undefined
  if (abstract === 'taken') return undefined
  try {
    const numbered = await claimNumber(place, clock)
    if (numbered) {
      return {
        release() {
          numbered.close()
          abstract?.close()
        },
      }
    }
  } catch (error) {
    abstract?.close()
    const fix = 'Point LOVAGE_HOME at a directory of a local disk, which this user may write to'
    const problem = `no socket can be made there: ${messageOf(error)}`
    throw new LovageError('HOME_UNUSABLE', { path: place.folder, problem, fix }, { cause: error })
  }
  abstract?.close()
  return undefined
}

/**
 * The owner is the process that listens behind the highest number. A number is never given twice while a higher one is
 * there, and none is removed but by the owner of a higher one, so that of two who find the last owner dead one wins.
 */
async function claimNumber(place: Place, clock: Clock): Promise<Server | undefined> {
  for (;;) {
    const highest = numbersIn(place.folder).at(-1) ?? 0
    if (highest > 0 && (await isListenedTo(place.socketPath(nameOf(highest))))) return undefined
    const own = `claim-${clock.uuid().slice(0, 8)}`
    const server = await listen(place.socketPath(own))
    if (server === 'taken') continue
    // Named only now that it listens: nobody ever sees it as dead.
    const name = nameOf(highest + 1)
    const isLinked = link(join(place.folder, own), join(place.folder, name))
    unlinkSync(join(place.folder, own))
    const numbers = numbersIn(place.folder)
    if (isLinked && numbers.at(-1) === highest + 1) {
      for (const lower of numbers.slice(0, -1)) unlink(join(place.folder, nameOf(lower)))
      return server
    }
    // Somebody was faster: under this number, or long ago under a higher one.
    server.close()
    if (isLinked) unlink(join(place.folder, name))
  }
}

function nameOf(number: number): string {
  return `owner-${number}`
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => /^owner-(\d+)$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

function unlink(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Listens, without keeping the process alive; nobody is served. */
function listen(path: string): Promise<Server | 'taken'> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    // Stays: too many open files, say, is an error of a server that listens, and the claim holds all the same.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('taken')
      else reject(error)
    })
    // Exclusive: the workers of a Node cluster would else all get the one socket of their primary.
    server.listen({ path, exclusive: true }, () => resolve(server))
  })
}

/** Whether there is a process behind the socket, be it stopped. */
function isListenedTo(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // A full backlog is a sign of life, and of what cannot be known the safe side is: it lives.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}
