import { expect, it } from 'vitest'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'
import { LoadedBoard, toldBy } from './load/loaded-board.ts'

describeWith(['redis'], 'a dashboard under load', () => {
  it('hears all that is told, and answers meanwhile', { timeout: 400_000 }, async () => {
    const redis = await RedisNode.start(['--client-output-buffer-limit', 'pubsub 0 0 0'])
    try {
      const board = await LoadedBoard.start(redis.url())
      const telling = toldBy(board.tell(1_500, 500), 200_000)
      const answers = await board.ask(telling)
      const { events } = await telling
      expect(events).toBeGreaterThan(6_000)
      expect(await board.heardAll(events)).toBe(events)
      expect(Object.keys(answers)).toHaveLength(7)
      await board.child.stop()
    } finally {
      await redis.remove()
    }
  })
})
