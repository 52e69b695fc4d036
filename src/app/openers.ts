/** What opens connections, with every kind of broker, backend and store behind it. */
type Openers = typeof import('./open-client.ts')

let loaded: Openers | undefined
/** One for all who wait: loaders that are not Node's own (jiti) hand a module out half evaluated to whoever asks meanwhile. */
let loading: Promise<Openers> | undefined

/**
 * Gives what `open` makes of what opens connections. That is more than half of the package, and a program that only defines
 * tasks never needs it: it is loaded for the first who does, and there at once for all after.
 */
export function withOpeners<T>(open: (openers: Openers) => T): T | Promise<T> {
  if (loaded) return open(loaded)
  loading ??= import('./open-client.ts').then((module) => (loaded = module))
  return loading.then(open)
}

/** Has it there at once from the first call on, for time that does not pass while modules are loaded. */
export function keepOpeners(module: Openers): void {
  loaded = module
}
