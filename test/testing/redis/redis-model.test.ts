import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { describeWith } from '../../services/available.ts'
import { RedisNode } from '../../services/redis-node.ts'
import { Both } from './both-redis.ts'
import { anyCommand } from './random-commands.ts'
import { anyMove, comparable, type Move, SCRIPTS } from './random-moves.ts'

const LONG = { timeout: 120_000 }

describeWith(['redis'], 'the model of Redis', () => {
  let redis: RedisNode
  let both: Both

  beforeAll(async () => {
    redis = await RedisNode.start()
    both = await Both.open(redis.port)
  })
  afterAll(async () => {
    both?.close()
    await redis?.remove()
  })
  beforeEach(() => both.clear())

  test('answers any commands as the server does, and is left with the same', LONG, async () => {
    const commands = fc.array(anyCommand, { minLength: 20, maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        await both.clear()
        for (const { command, args } of list) {
          const [server, model] = await both.call(command, ...args)
          expect({ command, args, answer: model }).toEqual({ command, args, answer: server })
        }
        const [server, model] = await both.dump()
        expect(model).toEqual(server)
      }),
      { seed: 4, numRuns: 100 },
    )
  })

  const anyMoves = fc.array(anyMove, { minLength: 20, maxLength: 60 })

  /** Moves on both, of which the last quarter is made in hard times. */
  const expectSameMoves = async (moves: readonly Move[], harden?: () => Promise<void>): Promise<void> => {
    await both.clear()
    let nowMs = Date.UTC(2026, 0, 1)
    await both.setTime(nowMs)
    for (const [at, move] of moves.entries()) {
      const isHard = harden && at >= moves.length * 0.75
      if (isHard) await harden()
      nowMs += isHard ? 0 : move.afterMs
      if (move.afterMs > 0 && !isHard) await both.setTime(nowMs)
      await expectSame(both, move)
    }
    const [server, model] = await both.dump()
    expect(model).toEqual(server)
  }

  test('runs our scripts as the server does, and rings the same bells', LONG, async () => {
    const same = fc.asyncProperty(anyMoves, (moves) => expectSameMoves(moves))
    await fc.assert(same, { seed: 4, numRuns: 100 })
    // Equal errors would say little.
    expect(errors).toBeLessThan(answers / 20)
  })

  test.each(['Full', 'Replica'] as const)('refuses what the server refuses: %s', LONG, async (state) => {
    const same = fc.asyncProperty(anyMoves, async (moves) => {
      try {
        await expectSameMoves(moves, () => both[`set${state}`](true))
      } finally {
        await both[`set${state}`](false)
      }
    })
    await fc.assert(same, { seed: 4, numRuns: 20 })
  })
})

/** Answers of the server, and those that are errors. */
let answers = 0
let errors = 0

async function expectSame(both: Both, move: Move): Promise<void> {
  const { name, args, keys } = move
  const script = SCRIPTS[name]
  const [server, model] = keys ? await both.read(script, args, keys) : await both.run(script, args)
  expect({ name, args, answer: comparable(name, model) }).toEqual({ name, args, answer: comparable(name, server) })
  answers++
  if (String(server).startsWith('!')) errors++
  const [heard, modelled] = await both.bells()
  expect({ name, args, bells: modelled }).toEqual({ name, args, bells: heard })
}
