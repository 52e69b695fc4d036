import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { resolveRoute } from '../../src/app/routes.ts'
import type { RouteOptions } from '../../src/app/route-options.ts'
import { resolveSettings } from '../../src/app/settings.ts'
import { isLovageError } from '../../src/base/errors.ts'
import { arbitraryCall, arbitrarySettings, type CallCase, type RoutingCase } from '../property/routing-cases.ts'
import { describeWith } from '../services/available.ts'
import { type Child } from '../services/child.ts'
import { startPython } from '../services/python.ts'

describeWith(['celery'], 'the route of a call', () => {
  const files = { 'routing.py': readFileSync(new URL('routing.py', import.meta.url), 'utf8') }
  let python: Child | undefined
  afterAll(() => python?.kill())

  const here = ({ settings: given }: RoutingCase, { name, task, call }: CallCase): object | string => {
    const settings = resolveSettings(given, { env: {} })
    try {
      const options = { ...task, ...call }
      const { destination, priority, deliveryMode } = resolveRoute(settings, {
        task: name,
        args: [],
        kwargs: {},
        options,
      })
      return { ...destination, priority, deliveryMode }
    } catch (error) {
      return isLovageError(error, 'QUEUE_UNKNOWN') ? 'QueueNotFound' : String(error)
    }
  }

  /** A name and an exchange that leave too little to go by: there we do what is said, and Celery something else. */
  const isDeparture = ({ settings }: RoutingCase, { task, call }: CallCase): boolean => {
    const said: RouteOptions[] = [task, call]
    // It refuses a route to a queue that is not there also where the call does not take it.
    if (!settings.createMissingQueues && (task.queue ?? call.queue) !== undefined) return true
    for (const [, target] of settings.routes.flat()) if (typeof target === 'object') said.push(target)
    return said.some(({ exchange }) => exchange !== undefined) && said.some(({ queue }) => queue === undefined)
  }

  test('is that of Celery itself, for hundreds of applications drawn by chance', { timeout: 120_000 }, async () => {
    python = startPython(['routing.py'], { files })
    const cases = fc
      .sample(fc.tuple(arbitrarySettings, fc.array(arbitraryCall, { minLength: 3, maxLength: 3 })), {
        numRuns: 600,
        seed: 20_261_121,
      })
      .map(([given, calls]) => ({ given, calls: calls.filter((call) => !isDeparture(given, call)) }))
      .filter(({ calls }) => calls.length > 0)
    expect(cases.length).toBeGreaterThan(200)
    for (const { given, calls } of cases) {
      const routes = given.settings.routes.map((pairs) =>
        pairs.map(([key, target]) => [key instanceof RegExp ? { regexp: key.source } : key, target]),
      )
      const from = python.lines.length
      python.write(`${JSON.stringify({ settings: { ...given.settings, routes }, calls })}\n`)
      const answer = await python.line(/^ANSWER/, { from, timeoutMs: 60_000 })
      const theirs = JSON.parse(answer.replace('ANSWER ', '')) as unknown[]
      expect(
        calls.map((call) => here(given, call)),
        JSON.stringify({ given, calls }),
      ).toEqual(theirs)
    }
  })
})
