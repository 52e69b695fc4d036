import type { JournalFile, JournalFiles } from '../../broker/open.ts'

/** What a disk writes in one piece; in truth it is more. */
const SECTOR_BYTES = 128

interface Inode {
  content: Buffer
  /** What would be there after a loss of power. */
  durable: Buffer
}

/** A folder in memory, on a disk that has so much room, and that loses its power in the worst way that is allowed. */
export class FakeFiles implements JournalFiles {
  /** Bytes that can still be written. */
  room = Infinity
  /** What `sync` fails with. */
  syncError: Error | undefined
  /** As long as it is set, nothing becomes durable; call it to let that happen. */
  held: (() => void)[] | undefined
  /** When something becomes durable. Default: at once. */
  later: ((fn: () => void) => void) | undefined
  syncs = 0
  /** Called before each change. */
  onStep: (() => void) | undefined
  names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()

  list(): string[] {
    return [...this.names.keys()].toReversed()
  }

  read(name: string): Buffer {
    return Buffer.from(this.#inode(name).content)
  }

  readStart(name: string, length: number): Buffer {
    return this.read(name).subarray(0, length)
  }

  create(name: string): JournalFile {
    this.onStep?.()
    if (this.names.has(name)) throw Object.assign(new Error(`EEXIST: ${name}`), { code: 'EEXIST' })
    const inode: Inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0) }
    this.names.set(name, inode)
    return {
      write: (parts, at) => this.#write(inode, parts, at),
      truncate: (length) => {
        this.room += Math.max(0, inode.content.length - length)
        inode.content = resized(inode.content, length)
      },
      sync: () => this.#sync(() => (inode.durable = Buffer.from(inode.content))),
      syncNow: () => {
        if (this.syncError) throw this.syncError
        inode.durable = Buffer.from(inode.content)
      },
      close: () => {},
    }
  }

  syncNow(name: string): void {
    const inode = this.#inode(name)
    inode.durable = Buffer.from(inode.content)
  }

  rename(name: string, to: string): void {
    this.onStep?.()
    this.names.set(to, this.#inode(name))
    this.names.delete(name)
  }

  remove(name: string): void {
    this.onStep?.()
    this.room += this.names.get(name)?.content.length ?? 0
    this.names.delete(name)
  }

  syncNames(): Promise<void> {
    return this.#sync(() => (this.#durableNames = new Map(this.names)))
  }

  syncNamesNow(): void {
    if (this.syncError) throw this.syncError
    this.#durableNames = new Map(this.names)
  }

  /** Lets become durable what waits for it. */
  release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const fn of held) fn()
  }

  /** What another process finds when this one is killed now. */
  afterKill(): FakeFiles {
    const after = new FakeFiles()
    const copies = new Map<Inode, Inode>()
    const copy = (inode: Inode): Inode => {
      const made = copies.get(inode) ?? { content: Buffer.from(inode.content), durable: Buffer.from(inode.durable) }
      copies.set(inode, made)
      return made
    }
    for (const [name, inode] of this.names) after.names.set(name, copy(inode))
    for (const [name, inode] of this.#durableNames) after.#durableNames.set(name, copy(inode))
    after.room = this.room
    return after
  }

  /** What is found after a loss of power: of what was not durable, any sectors and any names. */
  afterPowerLoss(random: () => number): FakeFiles {
    const after = new FakeFiles()
    for (const name of new Set([...this.names.keys(), ...this.#durableNames.keys()])) {
      const [now, before] = [this.names.get(name), this.#durableNames.get(name)]
      const inode = now === before || random() < 0.5 ? now : before
      if (!inode) continue
      const content = torn(inode, random)
      const left = { content, durable: Buffer.from(content) }
      after.names.set(name, left)
      after.#durableNames.set(name, left)
    }
    return after
  }

  /** Changes the bytes of a file. */
  change(name: string, change: (bytes: Buffer) => Buffer | void): void {
    const inode = this.#inode(name)
    inode.content = change(inode.content) ?? inode.content
    inode.durable = Buffer.from(inode.content)
  }

  #inode(name: string): Inode {
    const inode = this.names.get(name)
    if (!inode) throw Object.assign(new Error(`ENOENT: ${name}`), { code: 'ENOENT' })
    return inode
  }

  #write(inode: Inode, parts: readonly Uint8Array[], at: number): number {
    this.onStep?.()
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const more = Math.max(0, at + length - inode.content.length)
    const taken = length - Math.max(0, more - this.room)
    if (taken <= 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    this.room -= Math.max(0, at + taken - inode.content.length)
    if (at === inode.content.length && taken === length) inode.content = Buffer.concat([inode.content, ...parts])
    else {
      if (at + taken > inode.content.length) inode.content = resized(inode.content, at + taken)
      Buffer.concat(parts).copy(inode.content, at, 0, taken)
    }
    return taken
  }

  #sync(make: () => void): Promise<void> {
    this.syncs++
    if (this.syncError) return Promise.reject(this.syncError)
    const { later } = this
    if (later) return new Promise((resolve) => later(() => resolve(make())))
    if (!this.held) {
      make()
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.held?.push(() => {
        make()
        resolve()
      })
    })
  }
}

function resized(bytes: Buffer, length: number): Buffer {
  if (length <= bytes.length) return Buffer.from(bytes.subarray(0, length))
  return Buffer.concat([bytes, Buffer.alloc(length - bytes.length)])
}

function torn({ content, durable }: Inode, random: () => number): Buffer {
  const after = resized(durable, random() < 0.5 ? Math.max(content.length, durable.length) : durable.length)
  for (let at = 0; at < after.length; at += SECTOR_BYTES) {
    if (at < content.length && random() < 0.5) content.copy(after, at, at, at + SECTOR_BYTES)
  }
  return after
}
