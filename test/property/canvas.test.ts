import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { lovage } from '../../src/index.ts'
import { worker } from '../../src/worker/worker.ts'
import { judgeAll } from './canvas-model.ts'

const COUNT = 500

test(`${COUNT} random canvases come to what a plain evaluation says, each task runs once, and errors call back`, async () => {
  const from = Number(process.env['CANVAS_SEED'] ?? 20_261_121)
  const app = lovage('canvases', { broker: `memory://${randomUUID()}` }, { env: {} })
  const made = worker(app, { gracePeriod: 0 })
  await made.start()
  try {
    expect(
      await judgeAll(
        app,
        [...Array(COUNT).keys()].map((nth) => from + nth),
      ),
    ).toEqual([])
  } finally {
    await made.stop()
    await app.close()
  }
}, 240_000)
