import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { MainLog } from '../../src/supervisor/main-log.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { supervise } from './supervised.ts'

const NOW = 'startsecs=0\n'

const text = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/** A pidfile in a folder where anybody may leave something. */
function exposed(): { pidfile: string; precious: string; folder: string } {
  const folder = temporaryFolder('exposed')
  const precious = join(folder, 'precious')
  mkdirSync(precious)
  mkdirSync(join(folder, 'lovage-supervisor-x'))
  writeFileSync(join(precious, 'file'), 'kept')
  return { folder, precious, pidfile: join(folder, 'pid') }
}

test('what the file of an earlier supervisor names is removed only where it is a folder of pipes', async () => {
  const { pidfile, precious, folder } = exposed()
  const left = { version: 1, pid: 4_000_000, started: 'never', processes: [] }
  const named = `${folder}/lovage-supervisor-x/../precious`
  writeFileSync(`${pidfile}.children`, JSON.stringify({ ...left, folder: named }))
  await supervise(`[program:cat]\ncommand=cat\n${NOW}`, `pidfile=${pidfile}`)
  expect(text(join(precious, 'file'))).toBe('kept')
})

test('a link in the place of the file that tells what runs is not followed', async () => {
  const { pidfile, precious } = exposed()
  symlinkSync(join(precious, 'file'), `${pidfile}.children.new`)
  symlinkSync(join(precious, 'file'), `${pidfile}.children`)
  await supervise(`[program:cat]\ncommand=cat\n${NOW}`, `pidfile=${pidfile}`)
  await expect.poll(() => text(`${pidfile}.children`)).toContain('"cat:cat"')
  expect(text(join(precious, 'file'))).toBe('kept')
})

test.skipIf(process.getuid?.() !== 0)(
  'root takes nothing from where the user of a program may have put it',
  async () => {
    const folder = temporaryFolder('planted')
    writeFileSync(join(folder, 'setpriv'), `#!/bin/sh\nid -u > ${folder}/who\nexec sleep 1000\n`)
    chmodSync(join(folder, 'setpriv'), 0o755)
    const environment = `PATH="${folder}:%(ENV_PATH)s",LD_PRELOAD="${folder}/planted.so"`
    const {
      operator,
      lines,
      folder: logs,
    } = await supervise(
      `[program:x]\ncommand=sh -c 'echo preload $LD_PRELOAD; id -un; exec cat'\nuser=nobody\numask=027\ndirectory=/\nenvironment=${environment}\n${NOW}` +
        'stdout_logfile=%(here)s/x.log\nstderr_logfile=%(here)s/x.err\n',
    )
    await expect.poll(() => text(join(logs, 'x.log')), { timeout: 60_000 }).toMatch(/nobody/)
    expect(existsSync(join(folder, 'who'))).toBe(false)
    expect(text(join(logs, 'x.log'))).toBe(`preload ${folder}/planted.so\nnobody\n`)
    // The loader complains once for each program that it was told to load it into: not for the one that root runs.
    await expect.poll(() => text(join(logs, 'x.err')).match(/cannot be preloaded/g)?.length).toBe(3)
    const { pid } = operator.getProcessInfo('x')
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('LOVAGE_LATER')
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/Umask:\t0027\n/)
    expect(lines.join('')).not.toContain('spawnerr')
  },
)

test('starts that fail for want of a pipe leave no descriptor behind', async () => {
  const { supervisor, operator } = await supervise('[program:x]\ncommand=cat\nautostart=false\n')
  const { folder } = supervisor.pipes
  const open = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
      } catch {
        return false
      }
    }).length
  // Of two, the first that is taken is that of stdout.
  rmSync(join(folder, '0'))
  for (let tries = 0; tries < 3; tries++) {
    await expect(operator.startProcess('x')).rejects.toMatchObject({ code: expect.any(String) })
    await operator.stopProcess('x')
  }
  await expect.poll(open).toBe(0)
})

test('the log of a supervisor takes only so much ahead of its disk, and says what it has not taken', async () => {
  const path = join(temporaryFolder('flooded'), 'main.log')
  const log = new MainLog({ path, rotation: { maxbytes: 0, backups: 0 }, level: 'debug', clock: systemClock })
  await log.open()
  const entry = 'x'.repeat(64 * 1024)
  for (let count = 0; count < 1_000; count++) log.write('debug', entry)
  await expect.poll(() => /WARN (\d+) entries of this log are lost/.test(text(path)), { timeout: 60_000 }).toBe(true)
  await log.close()
  const lines = text(path).split('\n')
  const lost = Number(/WARN (\d+) entries/.exec(text(path))?.[1])
  expect(lines.filter((line) => line.endsWith(entry)).length + lost).toBe(1_000)
  expect(lost).toBeGreaterThan(800)
})

test('a program that still has to stay up is told to the next supervisor too', async () => {
  const { folder, operator } = await supervise('[program:x]\ncommand=cat\nstartsecs=60\n')
  const { pid, statename } = operator.getProcessInfo('x')
  expect(statename).toBe('STARTING')
  await expect.poll(() => text(join(folder, 'pid.children'))).toContain(`"pid":${pid}`)
})
