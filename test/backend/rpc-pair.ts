import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import type { BackendPair } from '../../src/testing/backend-suite.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

/** A client's and a worker's rpc backend, each on a started broker of its own. */
export async function rpcPair(url: string, options: { maxPendingResults?: number } = {}): Promise<BackendPair> {
  const brokers = [openBroker(url, PATIENT_BROKER), openBroker(url, PATIENT_BROKER)] as const
  await Promise.all(brokers.map((broker) => broker.start()))
  return {
    client: openBackend('rpc://', { broker: brokers[0], ...options }),
    worker: openBackend('rpc://', { broker: brokers[1] }),
    end: async () => void (await Promise.all(brokers.map((broker) => broker.stop()))),
  }
}
