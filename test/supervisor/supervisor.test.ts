import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { faultOf } from '../../src/supervisor/faults.ts'
import { supervise } from './supervised.ts'

const SLEEP = 'command=sleep 1000\n'
/** Runs at once, so that a test need not wait for startsecs. */
const NOW = 'startsecs=0\n'

async function fault(promise: Promise<unknown> | (() => unknown)): Promise<string | undefined> {
  try {
    await (typeof promise === 'function' ? promise() : promise)
    return undefined
  } catch (error) {
    return faultOf(error)?.text ?? String(error)
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a program', () => {
  test('is started, told of and stopped', async () => {
    const { operator, lines, seen } = await supervise(`[program:cat]\ncommand=cat\n${NOW}`)
    const [info] = operator.getAllProcessInfo()
    expect(info).toMatchObject({ name: 'cat', group: 'cat', statename: 'RUNNING', state: 20, exitstatus: 0 })
    expect(info?.description).toMatch(/^pid \d+, uptime 0:\d\d:\d\d$/)
    expect(isAlive(info?.pid as number)).toBe(true)
    expect(await operator.stopProcess('cat')).toBe(true)
    expect(isAlive(info?.pid as number)).toBe(false)
    expect(operator.getProcessInfo('cat')).toMatchObject({ statename: 'STOPPED', pid: 0, exitstatus: -1 })
    expect(seen).toEqual(['cat STARTING', 'cat RUNNING', 'cat STOPPING', 'cat STOPPED'])
    expect(lines.join('')).toMatch(
      /INFO supervisord started with pid \d+\n.*INFO spawned: 'cat' with pid \d+\n.*INFO success: cat entered RUNNING state, process has stayed up for > than 0 seconds \(startsecs\)\n.*INFO waiting for cat to stop\n.*WARN stopped: cat \(terminated by SIGTERM\)\n/,
    )
  })

  test('that ends is started again when its exit code is none of exitcodes, and not when it is', async () => {
    const { until, operator, seen, lines } = await supervise(
      `[program:bad]\ncommand=sh -c 'sleep 1.1; exit 3'\n${NOW}\n[program:good]\ncommand=sh -c 'exit 7'\nexitcodes=7\n${NOW}`,
    )
    await until('good', 'EXITED')
    await expect
      .poll(() => seen.filter((each) => each === 'bad RUNNING').length, { timeout: 60_000 })
      .toBeGreaterThan(1)
    expect(operator.getProcessInfo('good')).toMatchObject({ exitstatus: 7, statename: 'EXITED', spawnerr: '' })
    expect(lines.join('')).toContain('exited: bad (exit status 3; not expected)')
    expect(lines.join('')).toContain('exited: good (exit status 7; expected)')
  })

  test('that does not stay up is tried again, and then given up', async () => {
    const { until, operator, seen, lines } = await supervise(
      '[program:x]\ncommand=false\nstartretries=1\nstartsecs=60\n',
    )
    await until('x', 'FATAL')
    expect(seen).toEqual(['x STARTING', 'x BACKOFF', 'x STARTING', 'x BACKOFF', 'x FATAL'])
    const why = 'Exited too quickly (process log may have details)'
    expect(operator.getProcessInfo('x')).toMatchObject({ spawnerr: why, description: why, pid: 0 })
    expect(lines.join('')).toContain('gave up: x entered FATAL state, too many start retries too quickly')
  })

  test('that ignores its stop signal is killed, with its children where that is said', async () => {
    const script = `sh -c 'trap "" TERM; sleep 1000 & echo $!; while :; do sleep 1000; done'`
    const { operator, folder, lines } = await supervise(
      `[program:deaf]\ncommand=${script}\nstopwaitsecs=1\nkillasgroup=true\nstdout_logfile=%(here)s/deaf.log\n${NOW}`,
    )
    await expect.poll(() => readFileSync(join(folder, 'deaf.log'), 'utf8')).toMatch(/\d+\n/)
    const child = Number(readFileSync(join(folder, 'deaf.log'), 'utf8'))
    await operator.stopProcess('deaf')
    await expect
      .poll(() => isAlive(child) && readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2] !== 'Z')
      .toBe(false)
    expect(lines.join('')).toMatch(/WARN killing 'deaf' \(\d+\) with SIGKILL/)
  })

  test('has the environment, the directory and the umask that it is given', async () => {
    const { folder, until } = await supervise(
      `[program:env]\ncommand=sh -c 'pwd; umask; echo $SUPERVISOR_ENABLED $SUPERVISOR_PROCESS_NAME $SUPERVISOR_GROUP_NAME $A'\ndirectory=/usr\numask=027\nenvironment=A="a b"\nstdout_logfile=%(here)s/env.log\n${NOW}`,
    )
    await until('env', 'EXITED')
    await expect.poll(() => readFileSync(join(folder, 'env.log'), 'utf8')).toBe('/usr\n0027\n1 env env a b\n')
  })

  test('can open its stdout by name, and writes stderr into the same log where that is said', async () => {
    const { folder, until } = await supervise(
      `[program:x]\ncommand=sh -c 'echo one > /dev/stdout; echo two >&2; echo three > /dev/stderr'\nredirect_stderr=true\nstdout_logfile=%(here)s/x.log\n${NOW}`,
    )
    await until('x', 'EXITED')
    await expect.poll(() => readFileSync(join(folder, 'x.log'), 'utf8')).toBe('one\ntwo\nthree\n')
  })

  test('reads what is sent to it, and is told when it has closed its stdin', async () => {
    const { operator, until } = await supervise(
      `[program:cat]\ncommand=cat\n${NOW}[program:closed]\ncommand=sh -c 'exec <&-; sleep 1000'\n${NOW}`,
    )
    expect(await operator.sendProcessStdin('cat', 'grüße\n')).toBe(true)
    await expect.poll(() => operator.readProcessLog('cat', 'stdout', 0, 0)).toBe('grüße\n')
    await expect
      .poll(() => fault(operator.sendProcessStdin('closed', 'x\n')), { timeout: 60_000 })
      .toBe('NO_FILE: closed')
    await operator.stopProcess('cat')
    await until('cat', 'STOPPED')
    expect(await fault(operator.sendProcessStdin('cat', 'x'))).toBe('NOT_RUNNING: cat')
  })
})

describe('what is asked for in vain has the fault of supervisord', () => {
  test('names, commands and states', async () => {
    const { operator, folder } = await supervise(
      `[program:cat]\n${SLEEP}${NOW}[program:nofile]\ncommand=/nonexistent/thing\nautostart=false\n[program:noexec]\ncommand=%(here)s/text\nautostart=false\n[program:crasher]\ncommand=false\nautostart=false\nstartretries=0\nstartsecs=60\n[program:nolog]\n${SLEEP}stdout_logfile=NONE\n${NOW}`,
    )
    writeFileSync(join(folder, 'text'), 'x', { mode: 0o644 })
    expect(await fault(() => operator.getProcessInfo('nosuch'))).toBe('BAD_NAME: nosuch')
    expect(await fault(() => operator.getProcessInfo('cat:*'))).toBe('BAD_NAME: cat:*')
    expect(await fault(operator.startProcess('cat'))).toBe('ALREADY_STARTED: cat')
    expect(await fault(operator.startProcess('nofile'))).toBe("NO_FILE: can't find command '/nonexistent/thing'")
    expect(await fault(operator.startProcess('noexec'))).toBe(
      `NOT_EXECUTABLE: command at '${folder}/text' is not executable`,
    )
    expect(await fault(operator.startProcess('crasher'))).toBe('SPAWN_ERROR: crasher')
    expect(await fault(operator.startProcessGroup('nosuch'))).toBe('BAD_NAME: nosuch')
    expect(await fault(operator.stopProcess('crasher'))).toBe('NOT_RUNNING: crasher')
    expect(await fault(() => operator.signalProcess('cat', 'FOO'))).toBe('BAD_SIGNAL: FOO')
    expect(await fault(() => operator.signalProcess('crasher', 'HUP'))).toBe('NOT_RUNNING: crasher')
    expect(await fault(operator.readProcessLog('nolog', 'stdout', -1600, 0))).toBe('NO_FILE')
    expect(await fault(operator.readProcessLog('cat', 'stdout', -5, 3))).toBe('BAD_ARGUMENTS')
    expect(await operator.tailProcessLog('nolog', 'stdout', 0, 100)).toEqual({ text: '', offset: 0, overflow: false })
    expect(await fault(operator.addProcessGroup('cat'))).toBe('ALREADY_ADDED: cat')
    expect(await fault(operator.removeProcessGroup('cat'))).toBe('STILL_RUNNING: cat')
  })

  test('a process that is being stopped', async () => {
    const { operator } = await supervise(
      `[program:slow]\ncommand=sh -c 'trap "sleep 1; exit 0" TERM; echo deaf; while :; do sleep 0.1; done'\nstopwaitsecs=60\n${NOW}`,
    )
    await expect.poll(() => operator.readProcessLog('slow', 'stdout', 0, 0)).toBe('deaf\n')
    const stopping = operator.stopProcess('slow')
    expect(await operator.startProcess('slow', false)).toBe(true)
    expect(await fault(operator.startProcess('slow'))).toBe('ABNORMAL_TERMINATION: slow')
    expect(await stopping).toBe(true)
  })
})

describe('groups', () => {
  const POOL = `[program:w]\n${SLEEP}numprocs=3\nprocess_name=w_%(process_num)02d\n${NOW}[program:other]\n${SLEEP}${NOW}\n[group:duo]\nprograms=other\n`

  test('are stopped and started as one', async () => {
    const { operator } = await supervise(POOL)
    const ok = (name: string, group = 'w') => ({ name, group, status: 80, description: 'OK' })
    const all = [ok('w_00'), ok('w_01'), ok('w_02')]
    expect(await operator.stopProcessGroup('w')).toEqual(all)
    expect(await operator.stopProcess('w:*')).toEqual([])
    expect(await operator.startProcess('w:*')).toEqual(all)
    expect(operator.signalProcessGroup('duo', 'WINCH')).toEqual([ok('other', 'duo')])
    expect(operator.getAllProcessInfo().map(({ group, name }) => `${group}:${name}`)).toEqual([
      'duo:other',
      'w:w_00',
      'w:w_01',
      'w:w_02',
    ])
    expect((await operator.stopAllProcesses()).map(({ name }) => name)).toEqual(['other', 'w_00', 'w_01', 'w_02'])
  })

  test('are read again, and taken in or out only when that is asked for', async () => {
    const { operator, write, seen } = await supervise(POOL)
    expect(await operator.reloadConfig()).toEqual({ added: [], changed: [], removed: [] })
    write(POOL.replace('numprocs=3', 'numprocs=1').replace('[group:duo]\nprograms=other\n', ''))
    expect(await operator.reloadConfig()).toEqual({ added: ['other'], changed: ['w'], removed: ['duo'] })
    expect(operator.getAllConfigInfo().map(({ name, inuse }) => `${name} ${inuse}`)).toEqual([
      'other false',
      'w_00 true',
    ])
    expect(operator.getAllProcessInfo()).toHaveLength(4)
    await operator.addProcessGroup('other')
    expect(operator.getProcessInfo('other').statename).toBe('RUNNING')
    await operator.stopProcessGroup('duo')
    expect(await operator.removeProcessGroup('duo')).toBe(true)
    expect(await fault(() => operator.getProcessInfo('duo:other'))).toBe('BAD_NAME: duo:other')
    write('[program:x]\ncommand=x\nautostart=maybe')
    expect(await fault(operator.reloadConfig())).toMatch(/^CANT_REREAD: .*\[program:x\] autostart is neither/)
    expect(await fault(() => operator.restart())).toMatch(/^CANT_REREAD/)
    expect(seen.at(-1)).toBe('duo:other STOPPED')
  })

  test('are started by ascending and stopped by descending priority, one after the other', async () => {
    const program = (name: string, priority: number) => `[program:${name}]\n${SLEEP}${NOW}priority=${priority}\n`
    const { supervisor, operator, seen } = await supervise(program('b', 2) + program('c', 3) + program('a', 1))
    expect(seen.filter((each) => each.endsWith('STARTING'))).toEqual(['a STARTING', 'b STARTING', 'c STARTING'])
    seen.length = 0
    expect(operator.shutdown()).toBe(true)
    expect(await fault(() => operator.getState())).toBe('SHUTDOWN_STATE')
    expect(await supervisor.ended).toBe('shutdown')
    expect(seen).toEqual(['c', 'b', 'a'].flatMap((name) => [`${name} STOPPING`, `${name} STOPPED`]))
  })
})

describe('logs', () => {
  test('are rotated, read in parts and cleared', async () => {
    const { operator, folder, until } = await supervise(
      `[program:x]\ncommand=%(node)s -e "for (let i = 0; i < 3000; i++) console.log('line', i)"\nstdout_logfile=%(here)s/x.log\nstdout_logfile_maxbytes=8KB\nstdout_logfile_backups=2\n${NOW}`,
    )
    // It may have ended before all that it wrote is in its log.
    const isWritten = (): boolean => {
      const files = ['x.log.1', 'x.log'].map((name) => join(folder, name)).filter((path) => existsSync(path))
      return (
        files.length === 2 &&
        files
          .map((path) => readFileSync(path, 'utf8'))
          .join('')
          .endsWith('line 2999\n')
      )
    }
    await until('x', 'EXITED')
    await expect.poll(isWritten).toBe(true)
    for (const name of readdirSync(folder).filter((each) => each.startsWith('x.log.'))) rmSync(join(folder, name))
    await operator.clearProcessLogs('x')
    await operator.startProcess('x').catch(() => {})
    await until('x', 'EXITED')
    await expect.poll(isWritten).toBe(true)
    expect(existsSync(join(folder, 'x.log.3'))).toBe(false)
    expect(await operator.readProcessLog('x', 'stdout', 0, 0)).toBe(readFileSync(join(folder, 'x.log'), 'utf8'))
    expect(await operator.clearProcessLogs('x')).toBe(true)
    expect(statSync(join(folder, 'x.log')).size).toBe(0)
  })

  test('of our own choice are removed by the next supervisor', async () => {
    const { folder, operator } = await supervise(`[program:cat]\ncommand=cat\n${NOW}`, 'identifier=mine')
    const { stdout_logfile: log } = operator.getProcessInfo('cat')
    expect(log).toMatch(new RegExp(`^${folder}/cat-stdout---mine-\\w+\\.log$`))
    expect(existsSync(log)).toBe(true)
  })

  test('the supervisor keeps one of its own, which is read and cleared', async () => {
    const { operator, folder } = await supervise(`[program:cat]\ncommand=cat\n${NOW}`)
    await expect.poll(() => operator.readLog(-60, 0)).toContain('(startsecs)\n')
    await operator.clearLog()
    await expect.poll(() => readFileSync(join(folder, 'main.log'), 'utf8')).toMatch(/INFO reopening log file\n$/)
  })
})
