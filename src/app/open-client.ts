import { openBackend } from '../backend/open.ts'
import type { Clock } from '../base/clock.ts'
import { openBroker } from '../broker/open.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { assertShared, assertSharedStore } from './capabilities.ts'
import { childPlace } from './child-place.ts'
import type { Client } from './send.ts'
import type { Settings } from './settings.ts'

/**
 * Broker and backend of the URLs in the settings, not started. `name` is the application's.
 * @throws LovageError `CAPABILITY_MISSING` in a child of a pool, `URL_UNSUPPORTED`
 */
export function openClient(name: string, settings: Settings, clock: Clock): Client {
  const place = childPlace()
  if (place) assertShared(settings, `A task in pool ${place.kind} that sends`, 'Run it in pool async')
  const { home, publishTimeoutMs, connectTimeoutMs, maxMessageBytes } = settings
  const { resultExpiresMs, resultPersistent, maxPendingResults, jsonTypes: types } = settings
  const limits = { home, publishTimeoutMs, connectTimeoutMs, maxMessageBytes }
  const broker = openBroker(settings.broker, { clock, ...limits, name: `lovage ${name}` })
  const kept = { home, connectTimeoutMs, resultExpiresMs, resultPersistent, maxPendingResults }
  return { broker, backend: openBackend(settings.backend, { ...kept, broker, clock, types }) }
}

/**
 * The store of the URL in the settings, not started.
 * @throws LovageError `CAPABILITY_MISSING` in a child of a pool, `URL_UNSUPPORTED`
 */
export function openOwnStore(settings: Settings, clock: Clock): Store {
  const place = childPlace()
  if (place) assertSharedStore(settings, `The store in pool ${place.kind}`)
  const { store = '', home, connectTimeoutMs, maxMessageBytes } = settings
  // A message of the largest size, with its headers.
  return openStore(store, { clock, home, connectTimeoutMs, maxValueBytes: maxMessageBytes + 2 ** 20 })
}
