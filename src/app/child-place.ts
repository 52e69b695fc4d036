/** What code can know of the thread or process of a pool that it runs in. */
export interface ChildPlace {
  readonly kind: 'threads' | 'processes'
  /** The applications made here, in order. */
  readonly apps: object[]
}

/** One for all copies of this package: a module of the user's may have found another. */
const KEY = Symbol.for('lovage.child-place')

/** Where this code runs, if that is a thread or process of a pool; undefined elsewhere. */
export function childPlace(): ChildPlace | undefined {
  return (globalThis as { [KEY]?: ChildPlace })[KEY]
}

/** From now on this is a thread or process of a pool. */
export function enterChild(kind: ChildPlace['kind']): ChildPlace {
  const place: ChildPlace = { kind, apps: [] }
  Object.defineProperty(globalThis, KEY, { value: place })
  return place
}
