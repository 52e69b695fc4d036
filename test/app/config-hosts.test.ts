import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/app/config.ts'
import { isLovageError } from '../../src/base/errors.ts'

const WEB = { name: 'web1', url: 'http://10.0.0.1:9001' }
const resolved = (hosts: unknown): unknown =>
  resolveConfig({ app: './a.ts', hosts }, { file: 'lovage.config.ts' }).hosts

test('hosts of a configuration have tags, and else what they were given', () => {
  const db = { name: 'db', url: 'unix:///run/s.sock', username: 'admin', password: 's3:cret', tags: ['eu'] }
  expect(resolved([WEB, db])).toEqual([{ ...WEB, tags: [] }, db])
  expect(resolved(undefined)).toEqual([])
})

test.each([
  ['all', 'hosts must be a list'],
  [[3], 'hosts.0 must be an object'],
  [[WEB, { url: WEB.url }], 'hosts.1.name is missing'],
  [[{ name: 'a' }], 'hosts.0.url is missing'],
  [[{ ...WEB, pasword: 'x' }], 'hosts.0.pasword'],
  [[WEB, WEB], 'hosts.1.name is that of another host'],
  [[{ ...WEB, name: 'a:b' }], 'hosts.0.name has a space, a colon'],
  [[{ ...WEB, url: 'https://b' }], 'hosts.0.url is no http:// or unix:// address'],
  [[{ ...WEB, url: 'http://a:531642@b' }], 'hosts.0.url has a password in it'],
  [[{ ...WEB, password: '531642' }], 'hosts.0.username is missing where there is a password'],
  [[{ ...WEB, username: 'u', password: 531642 }], 'hosts.0.password must be a text'],
  [[{ ...WEB, tags: 'eu' }], 'hosts.0.tags must be a list'],
])('%j is refused with its place, and without its password', (hosts, problem) => {
  try {
    resolved(hosts)
  } catch (error) {
    if (!isLovageError(error)) throw error
    expect(error.message.replace(' (from lovage.config.ts)', '')).toContain(problem)
    expect(`${error.message} ${error.fix}`).toContain('lovage.config.ts')
    expect(`${error.message} ${error.fix}`).not.toContain('531642')
    return
  }
  throw new Error('it was taken')
})
