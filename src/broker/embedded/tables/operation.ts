/** Text comes back as text, bytes as bytes. */
export type TableValue = string | Uint8Array

export interface KeptValue {
  readonly value: TableValue
  readonly version: number
}

export interface TableEntry {
  readonly position: number
  readonly value: TableValue
}

export interface TableDue {
  readonly id: string
  readonly value: TableValue
  readonly atMs: number
  readonly version: number
  readonly takes: number
}

interface Asked {
  get: { key: string }
  set: { key: string; value: TableValue; ttlMs: number; ifVersion?: number | undefined }
  forget: { key: string; ifVersion?: number | undefined }
  count: {
    key: string
    by: number
    ttlMs: number
    renew: boolean
    max?: number | undefined
    member?: string | undefined
  }
  lease: { key: string; holder: string; ttlMs: number; slots: number }
  renew: { key: string; holder: string; token: number; ttlMs: number }
  release: { key: string; holder: string; token: number }
  append: { key: string; value: TableValue; ttlMs: number; maxEntries: number; ifLast?: number | undefined }
  read: { key: string; after: number; limit: number }
  trim: { key: string; through: number }
  put: { key: string; id: string; atMs: number; value?: TableValue | undefined; ifVersion?: number | undefined }
  remove: { key: string; id: string; ifVersion?: number | undefined }
  take: { key: string; claimMs: number; limit: number }
  list: { key: string; after?: { atMs: number; id: string } | undefined; limit: number }
}

interface Answered {
  get: KeptValue | null
  /** `version` of what was set; 0: `ifVersion` did not hold, and `there` is what is there. */
  set: { version: number; there: KeptValue | null }
  forget: boolean
  count: { value: number; isCounted: boolean; expiresInMs: number }
  /** `token` 0: others hold it. */
  lease: { token: number; freeInMs: number }
  renew: boolean
  release: boolean
  /** 0: `ifLast` did not hold. */
  append: number
  read: { entries: TableEntry[]; last: number; isGapped: boolean }
  trim: null
  /** 0: nothing was put. */
  put: number
  remove: boolean
  take: { entries: TableDue[]; nextInMs: number | null }
  list: TableDue[]
}

export type OperationName = keyof Asked

/** One step of the tables, as data: it travels over the embedded broker's socket as it is. */
export type Operation<Name extends OperationName = OperationName> = {
  [Each in Name]: { readonly op: Each } & Readonly<Asked[Each]>
}[Name]

/** What a step comes to. */
export type Answer<Name extends OperationName = OperationName> = Answered[Name]

/** Done twice, it comes to the same, and so does its answer. */
export function isHarmless(operation: Operation): boolean {
  if (operation.op === 'count') return operation.by === 0
  return ['get', 'read', 'trim', 'list', 'lease', 'renew'].includes(operation.op)
}

/** What can be watched: a log that grows, a due list in which something can be taken. */
export type Watchable = 'log' | 'due'
