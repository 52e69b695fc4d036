import { wrongType } from './reply.ts'
import { SortedSet } from './sorted-set.ts'

export type Value = string | string[] | Map<string, string> | Set<string> | SortedSet

/** The keys of a database. What is empty is not there, as with Redis. */
export class Keyspace {
  /** Told of each key that was changed, or has expired. */
  onChanged: ((key: string) => void) | undefined
  readonly #nowMs: () => number
  readonly #values = new Map<string, Value>()
  readonly #endsMs = new Map<string, number>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs()
  }

  keys(): string[] {
    return [...this.#values.keys()].filter((key) => this.get(key) !== undefined)
  }

  get(key: string): Value | undefined {
    const endMs = this.#endsMs.get(key)
    if (endMs !== undefined && endMs <= Math.floor(this.#nowMs())) {
      this.delete(key)
      this.changed(key)
    }
    return this.#values.get(key)
  }

  text(key: string): string | undefined {
    const value = this.get(key)
    if (value === undefined || typeof value === 'string') return value
    throw wrongType()
  }

  list(key: string): string[] | undefined {
    const value = this.get(key)
    if (value === undefined || Array.isArray(value)) return value
    throw wrongType()
  }

  hash(key: string): Map<string, string> | undefined {
    const value = this.get(key)
    if (value === undefined || value instanceof Map) return value
    throw wrongType()
  }

  set(key: string): Set<string> | undefined {
    const value = this.get(key)
    if (value === undefined || value instanceof Set) return value
    throw wrongType()
  }

  sorted(key: string): SortedSet | undefined {
    const value = this.get(key)
    if (value === undefined || value instanceof SortedSet) return value
    throw wrongType()
  }

  /** Puts a value where another was, or none; what was there keeps its end only where that is said. */
  put(key: string, value: Value, keepsEnd = false): void {
    this.#values.set(key, value)
    if (!keepsEnd) this.#endsMs.delete(key)
  }

  delete(key: string): boolean {
    this.#endsMs.delete(key)
    return this.#values.delete(key)
  }

  /** Something in it was taken out: where that was the last, the key goes. */
  shrunk(key: string): void {
    const value = this.#values.get(key)
    const size = Array.isArray(value) ? value.length : value === undefined || typeof value === 'string' ? 1 : value.size
    if (size === 0) this.delete(key)
    this.changed(key)
  }

  changed(key: string): void {
    this.onChanged?.(key)
  }

  /** When it ends, since 1970; undefined is never. */
  endMs(key: string): number | undefined {
    return this.get(key) === undefined ? undefined : this.#endsMs.get(key)
  }

  setEnd(key: string, endMs: number | undefined): void {
    if (endMs === undefined) this.#endsMs.delete(key)
    else this.#endsMs.set(key, endMs)
  }

  clear(): void {
    for (const key of this.keys()) {
      this.delete(key)
      this.changed(key)
    }
  }
}
