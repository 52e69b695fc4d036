import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { type App, lovage } from '../../src/app/app.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { worker } from '../../src/worker/worker.ts'

/** An embedded broker takes a while to start on a machine that has much to do. */
export const patient = { timeout: 60_000 }

export function openApp(settings: GivenSettings = {}): App {
  const app = lovage('streams', { broker: `memory://${randomUUID()}`, ...settings }, { env: {} })
  onTestFinished(() => app.close())
  return app
}

export async function running(app: App): Promise<void> {
  const service = worker(app, { gracePeriod: 0 })
  onTestFinished(() => service.stop())
  await service.start()
}

export async function all<Part>(parts: AsyncIterable<Part>): Promise<Part[]> {
  const taken: Part[] = []
  for await (const part of parts) taken.push(part)
  return taken
}

/** Resolves when `holds` does, looking at every turn of the event loop; the test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Time enough for what should not happen to happen. */
export async function turns(count = 200): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export async function* lines(count: number): AsyncGenerator<string, number> {
  for (let line = 1; line <= count; line++) yield `line ${line}`
  return count
}

export const expected = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index + 1}`)
