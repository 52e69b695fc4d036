import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import { listenersOn } from './listeners.ts'

/** A node of RabbitMQ. */
export interface ClusterNode {
  readonly url: string
  readonly pid: number
}

/** Three nodes on this machine that know each other; the first of them leads what it declares. */
export async function openCluster(): Promise<{ nodes: readonly ClusterNode[]; close: () => Promise<void> }> {
  const first = await RabbitmqNode.start()
  const others: RabbitmqNode[] = []
  const close = async (): Promise<void> => {
    for (const node of [...others, first]) await node.remove()
  }
  try {
    // One after the other: two that join at once may wait for each other.
    for (let i = 0; i < 2; i++) others.push(await RabbitmqNode.start({ joins: first }))
    const nodes = [first, ...others].map((node) => ({
      url: node.url(),
      pid: listenersOn(node.port)[0] as number,
    }))
    return { nodes, close }
  } catch (error) {
    await close()
    throw error
  }
}
