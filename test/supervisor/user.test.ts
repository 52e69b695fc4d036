import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hasService } from '../../scripts/services.mjs'
import { startChild } from '../services/child.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { supervise } from './supervised.ts'

const isRoot = process.getuid?.() === 0
/** What a program is: its user, groups, and what of its environment tells of one. */
const WHO = `sh -c 'id -u; id -g; id -G; echo home $HOME user $USER logname $LOGNAME; echo done; exec cat'`
const programs = (users: readonly string[]): string =>
  users
    .map(
      (user) => `[program:${user}]\ncommand=${WHO}\nuser=${user}\nstartsecs=0\nstdout_logfile=%(here)s/${user}.log\n`,
    )
    .join('')

async function written(file: string): Promise<string> {
  const read = (): string => readFileSync(file, 'utf8')
  await expect.poll(read, { timeout: 60_000 }).toContain('done\n')
  return read()
}

const id = (...args: string[]): string => execFileSync('id', args, { encoding: 'utf8' }).trim()

describe.runIf(isRoot)('user=, as root', () => {
  test.runIf(hasService('supervisor'))('gives a program what supervisord gives it', async () => {
    const users = ['nobody', 'daemon', 'backup']
    const { folder } = await supervise(programs(users))
    const other = temporaryFolder('theirs')
    const file = join(other, 'supervisord.conf')
    const own = `[supervisord]\nlogfile=${other}/main.log\npidfile=${other}/pid\nchildlogdir=${other}\nuser=root\n`
    writeFileSync(file, `${own}${programs(users)}`)
    const theirs = startChild('supervisord', ['-n', '-c', file], { cwd: other })
    onTestFinished(async () => void (await theirs.kill()))
    for (const user of users) {
      const ours = await written(join(folder, `${user}.log`))
      expect(ours.split('\n').slice(0, 3)).toEqual([id('-u', user), id('-g', user), id('-G', user)])
      // Ours adds nothing, and takes nothing away.
      expect(ours).toContain(`home ${process.env['HOME'] ?? ''} `)
      expect(ours).toBe(await written(join(other, `${user}.log`)))
    }
  })

  test('by its number is the same', async () => {
    const uid = id('-u', 'nobody')
    const { folder } = await supervise(programs([uid]))
    const [user, group, groups] = (await written(join(folder, `${uid}.log`))).split('\n')
    expect([user, group, groups]).toEqual([uid, id('-g', 'nobody'), id('-G', 'nobody')])
  })
})
