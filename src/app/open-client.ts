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
 * Broker and backend as the settings say, not started.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`, `CAPABILITY_MISSING` in a child of a pool
 */
export function openClient(settings: Settings, clock: Clock, name: string): Client {
  const place = childPlace()
  if (place) assertShared(settings, `A task in pool ${place.kind} that sends`, 'Run it in pool async')
  const { home, publishTimeoutMs, connectTimeoutMs, maxMessageBytes } = settings
  const limits = { home, publishTimeoutMs, connectTimeoutMs, maxMessageBytes }
  const broker = openBroker(settings.broker, { clock, ...limits, name: `lovage ${name}` })
  const { resultExpiresMs, resultPersistent, maxPendingResults, jsonTypes: types } = settings
  const backend = openBackend(settings.backend, {
    broker,
    clock,
    home,
    connectTimeoutMs,
    resultExpiresMs,
    resultPersistent,
    maxPendingResults,
    types,
    serializer: settings.resultSerializer,
    accept: settings.resultAcceptContent,
    maxBodyBytes: maxMessageBytes,
  })
  return { broker, backend }
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
