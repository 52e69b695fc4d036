import { expect, test } from 'vitest'
import { defineConfig, resolveConfig } from '../../src/app/config.ts'
import { isLovageError, type LovageError } from '../../src/base/errors.ts'

const file = '/srv/shop/lovage.config.ts'

function refusal(raw: unknown): LovageError {
  try {
    resolveConfig(raw, { file })
  } catch (error) {
    if (isLovageError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('a configuration passes with its defaults', () => {
  const config = defineConfig({ app: './tasks.ts' })
  expect(resolveConfig(config, { file })).toMatchObject({
    file,
    app: './tasks.ts',
    tasks: [],
    processes: { worker: { run: 'worker' } },
  })
})

test('every process passes as it is', () => {
  const processes = {
    images: { run: 'worker', queues: ['images', 'celery'], concurrency: 20, pool: 'async', count: 2 },
    web: { run: 'gateway', module: './gateway.ts', port: 0, host: '127.0.0.1' },
  } as const
  const config = resolveConfig(defineConfig({ app: './tasks.ts', tasks: ['./more.ts'], processes }), { file })
  expect(config.processes).toEqual(processes)
  expect(config.tasks).toEqual(['./more.ts'])
  expect(Object.isFrozen(config)).toBe(true)
})

test.each([
  [undefined, /^SETTING_INVALID: Setting default export .* must be a configuration, and is undefined/],
  [{}, /Setting app .* is missing\. Name the module that exports app/],
  [{ app: 7 }, /Setting app .* must be a text that is not empty, and is 7/],
  [{ app: 'a', task: [] }, /^SETTING_UNKNOWN: There is no setting task .* Did you mean tasks\?/],
  [{ app: 'a', tasks: './b.ts' }, /Setting tasks .* must be a list/],
  [{ app: 'a', processes: [] }, /Setting processes .* must be an object, and is a list/],
  [{ app: 'a', processes: { web: 'gateway' } }, /Setting processes\.web .* must be an object, and is "gateway"/],
  [
    { app: 'a', processes: { web: {} } },
    /Setting processes\.web\.run .* is missing\. Write run: 'worker' or run: 'gateway' or run: 'beat' or run: 'dashboard'/,
  ],
  [{ app: 'a', processes: { web: { run: 'gatway' } } }, /processes\.web\.run .* is "gatway"\. Did you mean gateway\?/],
  [{ app: 'a', processes: { web: { run: 'gateway' } } }, /Setting processes\.web\.module .* is missing/],
  [{ app: 'a', processes: { web: { run: 'gateway', module: 'g', queues: [] } } }, /no setting processes\.web\.queues/],
  [
    { app: 'a', processes: { web: { run: 'gateway', module: 'g', port: 70000 } } },
    /processes\.web\.port .* from 0 to 65535/,
  ],
  [
    { app: 'a', processes: { w: { run: 'worker', concurency: 1 } } },
    /no setting processes\.w\.concurency .* Did you mean concurrency\?/,
  ],
  [{ app: 'a', processes: { w: { run: 'worker', queues: [] } } }, /processes\.w\.queues .* must not be empty/],
  [{ app: 'a', processes: { w: { run: 'worker', pool: 'prefork' } } }, /processes\.w\.pool .* and is "prefork"/],
])('configuration %o is refused, naming file, entry and option', (raw, expected) => {
  const error = refusal(raw)
  expect(`${error.code}: ${error.message}. ${error.fix}`).toMatch(expected)
  expect(error.details.source).toBe(file)
})
