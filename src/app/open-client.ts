import { openBackend } from '../backend/open.ts'
import type { Clock } from '../base/clock.ts'
import { openBroker } from '../broker/open.ts'
import type { Client } from './send.ts'
import type { Settings } from './settings.ts'

/**
 * Broker and backend as the settings say, not started.
 * @throws LovageError `URL_UNSUPPORTED`, `OPTION_INVALID`
 */
export function openClient(settings: Settings, clock: Clock, name: string): Client {
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
