import { LovageError } from '../base/errors.ts'

/** Whether what waits there lies in the memory of one process. */
export function inMemory(url: string): boolean {
  return url.startsWith('memory:')
}

/**
 * Refuses what needs a broker that several processes share: in memory, each process would look into a broker of its own.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export function refuseInMemory(brokerUrl: string, what: string, instead: string): void {
  if (!inMemory(brokerUrl)) return
  throw new LovageError('CAPABILITY_MISSING', {
    what,
    needs: 'a broker that several processes share',
    kind: `${brokerUrl}, in the memory of one process,`,
    fix: `${instead}, or use a real broker: LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/`,
  })
}
