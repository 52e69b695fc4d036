import { expect, test } from 'vitest'
import { settingsModule } from '../../src/cli/migrate/settings-module.ts'

test('A migrated module keeps a member that is named as the prototype is', () => {
  const routes: unknown = JSON.parse('{"__proto__": {"queue": "q"}}')
  expect(settingsModule({ routes }, 'celeryconfig.py')).toContain("{ ['__proto__']: { queue: 'q' } }")
})

test.each(['\n', '\r', '\u2028', '\u2029'])('The name of the file is no code, whatever is in it: %j', (end) => {
  const [first, second] = settingsModule({}, `a${end}throw 1`).split(/[\n\r\u2028\u2029]/)
  expect(first).toContain('throw 1')
  expect(second).toBe("import type { GivenSettings } from 'lovage'")
})
