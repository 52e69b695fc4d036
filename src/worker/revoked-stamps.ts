import { plainHeader } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'

/** Most stamps that are remembered, over all headers. */
const MAX_STAMPS = 50_000

/** Stamps, by header. */
export type Stamps = ReadonlyMap<string, readonly string[]>

/** Stamps whose tasks nobody here is to run. */
export class RevokedStamps {
  readonly #stamps = new Map<string, Set<string>>()
  #size = 0

  /** False: there are too many. */
  add(stamps: Stamps): boolean {
    for (const [header, values] of stamps) {
      const known = this.#stamps.get(header) ?? new Set<string>()
      for (const value of values) {
        if (known.has(value)) continue
        if (this.#size >= MAX_STAMPS) return false
        known.add(value)
        this.#size++
      }
      if (known.size > 0) this.#stamps.set(header, known)
    }
    return true
  }

  has(request: TaskRequest): boolean {
    return this.#size > 0 && bears(request, (header, value) => this.#stamps.get(header)?.has(value) === true)
  }
}

/** Whether a task bears one of these stamps. */
export function bearsOneOf(request: TaskRequest, stamps: Stamps): boolean {
  return bears(request, (header, value) => stamps.get(header)?.includes(value) === true)
}

function bears({ stamps }: TaskRequest, isWanted: (header: string, value: string) => boolean): boolean {
  for (const [header, given] of Object.entries(stamps)) {
    const value = plainHeader(given)
    for (const one of Array.isArray(value) ? value : [value]) {
      if (isWanted(header, String(plainHeader(one) ?? one))) return true
    }
  }
  return false
}
