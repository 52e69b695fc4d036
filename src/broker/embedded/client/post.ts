import { createConnection, type Socket } from 'node:net'
import type { Clock } from '../../../base/clock.ts'
import { becomeOwner, type Owner, SOCKET } from '../owner/owner.ts'
import { isThere, openPlace, type Place } from '../owner/place.ts'

const posts = new Map<string, Post>()

/**
 * Joins those of this process who use a data directory. One of them may come to run its engine, for all processes of the
 * machine; it goes on until the last of them leaves.
 * @throws LovageError `HOME_UNUSABLE`
 */
export function joinPost(home: string, sync: boolean): Post {
  let post = posts.get(home)
  if (!post) posts.set(home, (post = new Post(home, sync)))
  post.users++
  return post
}

/** How an engine is reached, and run where nobody runs it. */
export interface EnginePost {
  /** Connects to who runs it. */
  connect(): Socket
  takeOver(clock: Clock): Promise<void>
  leave(): Promise<void>
}

/** Called by each who uses an engine. */
export type OpenPost = (home: string, sync: boolean) => EnginePost

/** What this process has of one data directory. */
export class Post implements EnginePost {
  users = 0
  #home: string
  #sync: boolean
  #place: Place
  #owner: Owner | undefined
  #taking: Promise<void> | undefined

  constructor(home: string, sync: boolean) {
    this.#home = home
    this.#sync = sync
    this.#place = openPlace(home)
  }

  /** Connects to its owner, in this process or another. */
  connect(): Socket {
    return createConnection(this.#place.socketPath(SOCKET))
  }

  /**
   * Becomes the owner, if nobody is. Resolves when the engine serves its clients, or when somebody else is the owner.
   * @throws LovageError `HOME_OWNED`, `HOME_UNUSABLE`
   */
  takeOver(clock: Clock): Promise<void> {
    this.#taking ??= this.#take(clock).finally(() => (this.#taking = undefined))
    return this.#taking
  }

  /** Must be called once for each `joinPost`. The last one ends the engine, if it runs here: another process goes on. */
  async leave(): Promise<void> {
    if (--this.users > 0) return
    posts.delete(this.#home)
    await this.#taking?.catch(() => {})
    await this.#owner?.stop()
    this.#place.leave()
  }

  async #take(clock: Clock): Promise<void> {
    if (this.#owner) return this.#owner.ready
    // Somebody may have removed the directory, and begun another of the same name.
    if (!isThere(this.#place)) {
      this.#place.leave()
      this.#place = openPlace(this.#home)
    }
    const owner = await becomeOwner(this.#place, clock, this.#sync)
    if (!owner) return
    this.#owner = owner
    void owner.ended.then(() => {
      if (this.#owner === owner) this.#owner = undefined
    })
    await owner.ready
  }
}
