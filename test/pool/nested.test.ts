import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type Child, startChild } from '../services/child.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { failureIn } from '../../src/testing/pool/scene.ts'
import { ChildScene, KINDS } from './child-scene.ts'

const started: Child[] = []
afterAll(async () => {
  await Promise.all(started.map((child) => child.stop()))
})

/** A worker whose task `outer`, in a child, sends `inner`, which runs on the loop of the worker, and waits for it. */
function program(env: Record<string, string>): Child {
  const file = fileURLToPath(new URL('worker-process.ts', import.meta.url))
  const child = startChild(process.execPath, ['--import', 'jiti/register', file], { env: { OUTER: '1', ...env } })
  started.push(child)
  return child
}

const homes = { threads: temporaryFolder(), processes: temporaryFolder() }

describe.each(KINDS)('a task in pool %s', (kind) => {
  test('sends another, waits for it, and tells how far it is: on the embedded broker', async () => {
    const child = program({ KIND: kind, LOVAGE_HOME: homes[kind], LOVAGE_BROKER_URL: 'embedded://' })
    await child.line(/^answer 41$/, { timeoutMs: 60_000 })
    expect(child.lines).toContain('told PROGRESS {"at":20}')
  })

  test('sends another, waits for it, and tells how far it is: on RabbitMQ', async () => {
    const child = program({ KIND: kind, LOVAGE_BROKER_URL: await brokerUrl(import.meta.url) })
    expect(await child.line(/^answer/, { timeoutMs: 60_000 })).toBe('answer 41')
  })

  test('is refused by name where the broker is in the memory of its worker', async () => {
    const memory = { LOVAGE_BROKER_URL: 'memory://nested' }
    Object.assign(process.env, memory)
    try {
      await using scene = await ChildScene.open(kind)
      for (const task of ['send', 'keep']) {
        const { exc_message: said } = failureIn(await scene.run(task))
        expect(said, task).toEqual([expect.stringContaining(`in pool ${kind}`), 'CAPABILITY_MISSING'])
      }
    } finally {
      delete process.env.LOVAGE_BROKER_URL
    }
  })
})
