import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import { hostsIn, readHosts, warningsOf } from '../../src/cli/read-hosts.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { run } from './lovage.ts'

const WEB = '- name: web1\n  url: http://10.0.0.1:9001\n'

function refused(text: string): string {
  try {
    hostsIn(text, 'hosts.yaml')
  } catch (error) {
    if (isLovageError(error, 'SUPERVISOR_HOSTS_INVALID')) return `${error.message} | ${error.fix}`
    throw error
  }
  throw new Error('it was taken')
}

it('reads a list of hosts, bare or under its name', () => {
  const more = '- {name: db, url: "unix:///run/s.sock", username: admin, password: "12", tags: [eu, db]}\n'
  const read = [
    { name: 'web1', url: 'http://10.0.0.1:9001', tags: [] },
    { name: 'db', url: 'unix:///run/s.sock', username: 'admin', password: '12', tags: ['eu', 'db'] },
  ]
  expect(hostsIn(`${WEB}${more}`, 'hosts.yaml')).toEqual(read)
  expect(hostsIn(`hosts:\n${WEB}${more}`, 'hosts.yaml')).toEqual(read)
})

it.each([
  ['', 'hosts.yaml:1: the file has no list of hosts'],
  ['hosts: 3\n', 'hosts.yaml:1: the file has no list of hosts'],
  [`${WEB}- just text\n`, 'hosts.yaml:3: host 2 is no host'],
  [`${WEB}- name: b\n`, 'hosts.yaml:3: host 2: url is missing'],
  [`${WEB}- url: http://b\n`, 'hosts.yaml:3: host 2: name is missing'],
  [`${WEB}  pasword: x\n`, 'hosts.yaml:3: host 1: pasword is no option of a host | Use one of: name, url,'],
  [`${WEB}${WEB}`, 'hosts.yaml:3: host 2: name is that of another host'],
  ['- name: a:b\n  url: http://b\n', 'hosts.yaml:1: host 1: name has a space, a colon'],
  ['- name: a\n  url: https://b\n', 'hosts.yaml:2: host 1: url is no http:// or unix:// address'],
  ['- name: a\n  url: unix://run\n', 'hosts.yaml:2: host 1: url is no http://'],
  [`${WEB}  tags: eu\n`, 'hosts.yaml:3: host 1: tags is no list of texts'],
  [`${WEB}  name: x\n`, 'hosts.yaml:3: the file is no YAML (DUPLICATE_KEY)'],
])('refuses %j with its place', (text, problem) => {
  expect(refused(text)).toContain(problem)
})

it.each([
  ['a number', `${WEB}  username: u\n  password: 531642\n`, 'host 1: password is no text'],
  ['an alias', `${WEB}  username: u\n  password: *531642\n`, ''],
  ['a bad escape', `${WEB}  username: u\n  password: "531642\\q"\n`, 'the file is no YAML'],
  ['in the URL', '- name: a\n  url: http://admin:531642@b\n', 'url has a password in it'],
  ['without a name', `${WEB}  password: x531642\n`, 'username is missing'],
])('never tells a password: %s', (_what, text, problem) => {
  expect(refused(text)).toContain(problem)
  expect(refused(text)).not.toContain('531642')
})

it('tells that others may read the passwords of a file', () => {
  const file = join(temporaryFolder('hosts'), 'hosts.yaml')
  writeFileSync(file, `${WEB}  username: u\n  password: secret\n`)
  chmodSync(file, 0o644)
  expect(warningsOf(file, readHosts(file))).toEqual([expect.stringContaining(`chmod 600 ${file}`)])
  chmodSync(file, 0o640)
  expect(warningsOf(file, readHosts(file))).toEqual([])
  expect(() => readHosts(`${file}.none`)).toThrow('cannot be read: ENOENT')
})

it('is refused by the command with its options misused', async () => {
  const file = join(temporaryFolder('hosts'), 'hosts.yaml')
  writeFileSync(file, WEB)
  const tagged = await run(['ctl', '--hosts', file, '--tag', 'eu', 'status'])
  expect(tagged).toMatchObject({ code: 1, text: expect.stringContaining('has the tag eu') })
  const stray = await run(['ctl', '--by', 'group', 'status'])
  expect(stray).toMatchObject({ code: 2, text: expect.stringContaining("'--by' needs --hosts") })
  const both = await run(['ctl', '--hosts', file, '-s', 'http://b', 'status'])
  expect(both).toMatchObject({ code: 2, text: expect.stringContaining('cannot be used with') })
  const verb = await run(['ctl', '--hosts', file, 'reload'])
  expect(verb).toMatchObject({ code: 1, text: expect.stringContaining('reload is no verb for many hosts') })
})
