import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SupervisorConfig } from '../../src/supervisor/configuration.ts'
import { readConfiguration } from '../../src/supervisor/read-configuration.ts'
import { checkRunnable, hazardsOf, limitsOf } from '../../src/supervisor/runnable.ts'
import { temporaryFolder } from '../services/reaper.ts'

function read(text: string): SupervisorConfig {
  const file = join(temporaryFolder('runnable'), 's.conf')
  writeFileSync(file, `[supervisord]\n${text}`)
  return readConfiguration(file, { env: process.env, host: 'vm', temporary: '/tmp' })
}

const path = process.env['PATH'] ?? ''

describe('before anything is started', () => {
  test.each([
    ['[fcgi-program:f]\ncommand=cat\nsocket=tcp://localhost:9002', '[fcgi-program:f] cannot be had'],
    ['[program:x]\ncommand=cat\nstderr_logfile=syslog', 'stderr_syslog of x cannot be had: Node has no syslog'],
    ['[program:x]\ncommand=cat\nstdout_syslog=true', 'stdout_syslog of x cannot be had'],
  ])('is refused: %s', (text, problem) => {
    expect(() => checkRunnable(read(text), path)).toThrow(problem)
  })

  test('a tool that the machine lacks is named', () => {
    expect(() => checkRunnable(read('[program:x]\ncommand=cat'), '/nonexistent')).toThrow(/there is no mkfifo/)
    expect(() => checkRunnable(read(''), '/nonexistent')).not.toThrow()
  })

  test('what is unsafe is told', () => {
    const server = (kind: string, more: string): string => hazardsOf(read(`user=root\n[${kind}]\n${more}`)).join('\n')
    const admin = 'username=admin\npassword=admin'
    expect(server('unix_http_server', `file=/tmp/s\nchmod=0777\n${admin}`)).toMatch(
      /chmod=0777 lets every user of this machine control all programs \(the password is the user name\)/,
    )
    expect(server('unix_http_server', 'file=/tmp/s\nchmod=0777')).toContain('no password')
    expect(server('unix_http_server', 'file=/tmp/s\nchmod=0770')).toBe('')
    expect(server('inet_http_server', `port=0.0.0.0:2345\n${admin}`)).toMatch(
      /listens on 0\.0\.0\.0: whoever reaches it controls/,
    )
    expect(server('inet_http_server', 'port=9001\nusername=u\npassword=long enough to be one')).toMatch(
      /listens on all addresses: passwords cross the network readable/,
    )
    expect(server('inet_http_server', `port=127.0.0.1:2345\n${admin}`)).toBe('')
  })

  test('what Node cannot do is told with the way to have it', () => {
    expect(limitsOf(read(`minfds=${2 ** 40}`)).join()).toContain(`LimitNOFILE=${2 ** 40}`)
    expect(limitsOf(read(''))).toEqual([])
  })
})
