import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { type Hearing, Subscriptions } from '../../src/base/redis/subscriptions.ts'

test('a channel that is let go while a new connection takes over is subscribed to when it is wanted again', async () => {
  const asked: string[] = []
  let answer = (): void => {}
  const hearing: Hearing = {
    subscribe: async ([channel]) => void asked.push(`+${channel}`),
    unsubscribe: async ([channel]) => void asked.push(`-${channel}`),
  }
  const subscriptions = new Subscriptions(systemClock, 'backend')
  await subscriptions.add('result', hearing)
  subscriptions.detach()
  const attached = subscriptions.attach({
    ...hearing,
    subscribe: ([channel]) => {
      asked.push(`+${channel}`)
      return new Promise((resolve) => (answer = resolve))
    },
  })
  subscriptions.remove('result')
  await new Promise<void>((resolve) => systemClock.turn(resolve))
  answer()
  await attached
  await subscriptions.add('result', hearing)
  expect(asked).toEqual(['+result', '+result', '-result', '+result'])
})
