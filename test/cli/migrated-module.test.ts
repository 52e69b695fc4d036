import { expect, test } from 'vitest'
import { convert } from '../../src/cli/migrate/convert.ts'
import { readLiterals } from '../../src/cli/migrate/read-literals.ts'
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

test('Notes hold no passwords', () => {
  const source = `
broker_url = {'default': 'amqp://user:secret1@host//'}
result_backend = ['redis://:secret2@host/0']
broker_transport_options = {'sentinel_kwargs': {'password': 'secret3'}, 'password': 'secret4'}
`
  const notes = convert(readLiterals(source)).notes.map(({ text }) => text)
  expect(notes.join()).toContain('***')
  expect(notes.join()).not.toContain('secret')
})
