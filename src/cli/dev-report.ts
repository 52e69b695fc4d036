import type { ServiceOptions } from './command-options.ts'
import type { Complaint } from './complaint.ts'
import type { ListenOptions } from './workload.ts'

/** What the child of `lovage dev` is started with: one JSON argument. */
export interface ChildOptions extends ServiceOptions, ListenOptions {}

/** What the parent tells its child. */
export type Order =
  /** Start what was loaded. */
  { readonly kind: 'go'; readonly banner: boolean } | { readonly kind: 'stop' }

/** What the child tells its parent. */
export type Report =
  /** The user's modules are loaded; nothing runs yet. */
  | { readonly kind: 'loaded'; readonly folders: readonly string[] }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly complaint: Complaint }
  /** All has stopped; so many messages went with the memory of this process. */
  | { readonly kind: 'stopped'; readonly lost: number }
