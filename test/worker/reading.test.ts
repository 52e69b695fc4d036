import { expect, test } from 'vitest'
import { resolveSettings } from '../../src/app/settings.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Reading } from '../../src/worker/reading.ts'

test('queues that were asked for and are read no more are forgotten, the first first', () => {
  const settings = resolveSettings({ broker: 'memory://' }, { env: {} })
  const reading = new Reading(settings, systemClock, ['celery'])
  const stays = reading.ask('stays', { exchange: 'media', exchangeType: 'topic', routingKey: 'a.#' })
  for (let at = 0; at < 3_000; at++) reading.remove(reading.ask(`q${at}`, {}))
  expect(reading.queues).toEqual(['celery', stays])
  expect(reading.known).toBeLessThanOrEqual(1_002)
  expect(reading.topologyOf(stays)).toMatchObject({ bindings: [{ exchange: 'media', routingKey: 'a.#' }] })
  expect(reading.topologyOf('celery')).toMatchObject({ queues: [{ name: 'celery' }] })
})
