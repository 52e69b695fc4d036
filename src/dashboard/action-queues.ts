import { Unfit, type Check, shown } from '../app/check.ts'
import type { BrokerAdmin } from '../broker/broker.ts'
import type { Broker } from '../broker/broker.ts'
import { deadQueueOf, dropDead, requeueDead } from '../broker/dead-letters.ts'
import { LovageError } from '../base/errors.ts'
import { type Action, action, type ActionGround, name, refused } from './action.ts'

const keys: Check<'all' | readonly string[]> = (value) => {
  if (value === 'all') return value
  if (Array.isArray(value) && value.length > 0 && value.length <= 10_000) return value.map(name)
  throw new Unfit(`are ${shown(value)}`, "Send a list of '<id>:<code>', or 'all'")
}

/** What is done to queues and their dead letters. */
export const QUEUE_ACTIONS = {
  'queue-purge': action<'queue-purge'>({ target: name }, async (ground, { target }) => {
    const { broker, admin } = await brokerOf(ground, 'Purging a queue')
    await there(admin, target, 'Purging it')
    const dropped = await admin.purge(target)
    const delayed = (await broker.delays?.purge?.(target)) ?? 0
    changed(ground)
    const later = delayed > 0 ? `, and ${delayed} that waited for their time` : ''
    return { ok: true, text: `${dropped} dropped from ${target}${later}` }
  }),
  'queue-delete': action<'queue-delete'>({ target: name }, async (ground, { target }) => {
    const { admin } = await brokerOf(ground, 'Deleting a queue')
    const { consumers } = await there(admin, target, 'Deleting it')
    // Its readers would read nothing from then on, or declare it again.
    if (consumers > 0) {
      const fix = 'Have its workers read it no more (worker-cancel-queue), then delete it'
      throw refused(`Deleting ${target}`, `is refused: ${consumers} read it`, fix)
    }
    await admin.deleteQueue(target)
    changed(ground)
    return { ok: true, text: `${target} is gone, with what waited in it` }
  }),
  'dead-requeue': action<'dead-requeue'>({ target: name, keys }, async (ground, { target, keys: which }) => {
    const { broker, admin } = await brokerOf(ground, 'Sending dead letters back')
    await there(admin, deadQueueOf(target), 'Sending them back')
    const count = await requeueDead(broker, target, which)
    changed(ground)
    return moved(count, which, `sent back to where they came from`)
  }),
  'dead-drop': action<'dead-drop'>({ target: name, keys }, async (ground, { target, keys: which }) => {
    const { broker, admin } = await brokerOf(ground, 'Dropping dead letters')
    await there(admin, deadQueueOf(target), 'Dropping them')
    const count = await dropDead(broker, target, which)
    changed(ground)
    return moved(count, which, 'dropped')
  }),
} satisfies Readonly<Record<string, Action>>

function moved(count: number, which: 'all' | readonly string[], done: string): { ok: boolean; text: string } {
  if (which === 'all' || count === which.length) return { ok: true, text: `${count} ${done}` }
  return { ok: false, text: `${count} of ${which.length} ${done}: the others are not there any more` }
}

/** @throws LovageError `CAPABILITY_MISSING` */
async function brokerOf({ context }: ActionGround, what: string): Promise<{ broker: Broker; admin: BrokerAdmin }> {
  const { broker } = await context.app.client()
  if (broker.admin) return { broker, admin: broker.admin }
  throw new LovageError('CAPABILITY_MISSING', {
    what,
    needs: 'a broker that can look into queues',
    kind: broker.kind,
    fix: 'Use RabbitMQ, Redis or the embedded broker',
  })
}

async function there(admin: BrokerAdmin, queue: string, what: string): Promise<{ readonly consumers: number }> {
  const depth = await admin.depth(queue)
  if (depth) return depth
  throw refused(what, `is refused: there is no queue ${queue}`, 'Correct the name; it may have been deleted meanwhile')
}

function changed({ context }: ActionGround): void {
  void context.fleet.refresh().catch(() => {})
  context.changed('queues')
}
