import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startChild } from '../services/child.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { lovage, ROOT, run, write } from './lovage.ts'

const patience = { timeoutMs: 60_000, timeout: 60_000 }

/** A folder with a configuration whose processes are seen to run at once. */
function place(programs: string): string {
  const folder = temporaryFolder('supervise')
  write(folder, { 'supervisord.conf': `[supervisord]\nchildlogdir=${folder}\n${programs}` })
  return folder
}

const CAT = '[program:cat]\ncommand=cat\nstartsecs=0\n'

const text = (folder: string, name: string): string =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''

/** A zombie is dead too: whoever took it over may not care. */
const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('lovage supervise', { timeout: 300_000 }, () => {
  it('runs in the foreground until a signal, starts anew on SIGHUP and opens its log again on SIGUSR2', async () => {
    const folder = place(CAT)
    const child = lovage(['supervise', '-n'], { cwd: folder })
    await child.line('success: cat entered RUNNING state', patience)
    await expect.poll(() => text(folder, 'supervisord.pid'), patience).toBe(`${child.pid}\n`)

    write(folder, { 'supervisord.conf': `[supervisord]\nchildlogdir=${folder}\n${CAT}autostart=maybe\n` })
    child.signal('SIGHUP')
    await child.line(/ERRO the configuration cannot be used.*supervisord.conf:6: \[program:cat\] autostart/, patience)
    write(folder, {
      'supervisord.conf': `[supervisord]\nchildlogdir=${folder}\n${CAT.replaceAll('cat', 'tail -f /dev/null').replace('tail -f /dev/null]', 'tail]')}`,
    })
    child.signal('SIGHUP')
    await child.line('success: tail entered RUNNING state', patience)
    expect(child.lines.join('\n')).toContain('stopped: cat (terminated by SIGTERM)')

    renameSync(join(folder, 'supervisord.log'), join(folder, 'moved.log'))
    child.signal('SIGUSR2')
    await expect.poll(() => text(folder, 'supervisord.log'), patience).toContain('INFO received SIGUSR2')
    child.signal('SIGTERM')
    expect(await child.ended(patience)).toMatchObject({ code: 0 })
    expect(child.lines.at(-1)).toContain('stopped: tail (terminated by SIGTERM)')
    expect([existsSync(join(folder, 'supervisord.pid')), existsSync(join(folder, 'supervisord.pid.children'))]).toEqual(
      [false, false],
    )
  })

  it('goes into the background with a pid file when it runs', async () => {
    const folder = place(CAT)
    expect(await run(['supervise'], { cwd: folder })).toEqual({ code: 0, text: '' })
    const pid = Number(text(folder, 'supervisord.pid'))
    try {
      expect(isAlive(pid)).toBe(true)
      expect(text(folder, 'supervisord.log')).toContain(`supervisord started with pid ${pid}`)
      process.kill(pid, 'SIGHUP')
      await expect.poll(() => text(folder, 'supervisord.log').split('spawned:').length, patience).toBe(3)
      const second = await run(['supervise'], { cwd: folder })
      expect(second.code).toBe(1)
      expect(second.text).toContain(`pid ${pid} keeps the processes`)
    } finally {
      process.kill(pid, 'SIGTERM')
    }
    await expect.poll(() => isAlive(pid), patience).toBe(false)
  })

  it('keeps what runs where nothing can be written to its streams any more', async () => {
    const folder = place(CAT)
    const shell = 'exec "$0" "$1" supervise -n > /dev/full 2>&1'
    const child = startChild('/bin/sh', ['-c', shell, process.execPath, join(ROOT, 'dist/cli/main.js')], {
      cwd: folder,
      name: 'lovage supervise',
    })
    try {
      await expect.poll(() => text(folder, 'supervisord.log'), patience).toContain('success: cat entered RUNNING state')
      child.signal('SIGHUP')
      await expect.poll(() => text(folder, 'supervisord.log').split('spawned:').length, patience).toBe(3)
      child.signal('SIGTERM')
      expect(await child.ended(patience)).toMatchObject({ code: 0 })
    } finally {
      await child.kill()
    }
  })

  it('starts nothing with a configuration that has an error, and says where it is', async () => {
    const folder = place(`${CAT}[program:other]\ncommand=cat\nstartsecs=soon\n`)
    for (const options of [['-n'], []]) {
      const { code, text: told } = await run(['supervise', ...options], { cwd: folder })
      expect(code).toBe(1)
      expect(told).toContain("supervisord.conf:8: [program:other] startsecs is no whole number: 'soon'")
    }
    expect(existsSync(join(folder, 'supervisord.log'))).toBe(false)
  })

  it('refuses what it cannot do before anything runs', async () => {
    const folder = place(`${CAT}[fcgi-program:f]\ncommand=cat\nsocket=tcp://localhost:9002\n`)
    const { code, text: told } = await run(['supervise'], { cwd: folder })
    expect(code).toBe(1)
    expect(told).toContain('[fcgi-program:f] cannot be had')
    expect(existsSync(join(folder, 'supervisord.pid'))).toBe(false)
  })

  it('finds what a supervisor that was killed has left running, and starts what is configured to start', async () => {
    const folder = place(
      `[program:stays]\ncommand=sleep 1000\nstartsecs=0\n[program:manual]\ncommand=sleep 1000\nautostart=false\n`,
    )
    // Pipes are left behind, too.
    const first = lovage(['supervise', '-n'], { cwd: folder, env: { TMPDIR: folder } })
    const [, left] = / with pid (\d+)/.exec(await first.line('spawned:', patience)) ?? []
    await expect.poll(() => text(folder, 'supervisord.pid.children'), patience).toContain(`"pid":${left}`)
    first.signal('SIGKILL')
    await first.ended(patience)
    expect(isAlive(Number(left))).toBe(true)
    const second = lovage(['supervise', '-n'], { cwd: folder })
    try {
      const told = await second.line('left running', patience)
      expect(told).toMatch(
        new RegExp(`WARN left running: stays:stays with pid ${left} since \\d{4}-\\d\\d-\\d\\dT.*kill ${left}`),
      )
      await second.line("spawned: 'stays'", patience)
      second.signal('SIGTERM')
      await second.ended(patience)
      expect(second.lines.join('\n')).not.toContain("spawned: 'manual'")
      expect(isAlive(Number(left))).toBe(true)
    } finally {
      process.kill(Number(left), 'SIGKILL')
    }
  })
})
