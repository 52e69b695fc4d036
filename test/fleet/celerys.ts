import { type CeleryEvent, readEvents } from '../../src/protocol/event.ts'
import { capturedFleet, wordAsMessage } from '../protocol/captured.ts'

export const VERSIONS = ['5.2.6', '5.6.3'] as const

/** What each type of event has in it, as Celery's workers wrote it. */
export function celerys(version: (typeof VERSIONS)[number]): Map<string, CeleryEvent[]> {
  const types = new Map<string, CeleryEvent[]>()
  for (const word of capturedFleet(version).events) {
    for (const event of readEvents(wordAsMessage(word)).events) {
      types.set(event.type, [...(types.get(event.type) ?? []), event])
    }
  }
  return types
}

/** Names of the fields of an event, in order. */
export const namesOf = ({ fields }: CeleryEvent): string[] => Object.keys(fields)
