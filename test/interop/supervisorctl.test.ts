import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startChild, type Child } from '../services/child.ts'
import { describeWith } from '../services/available.ts'
import {
  CHANGED_STEPS,
  ctlScene,
  differencesOf,
  PATIENCE,
  STEPS,
  type CtlScene,
  type Step,
} from '../supervisor/ctl-scene.ts'

describeWith(['supervisor'], 'the real supervisorctl with our supervisor', () => {
  let scene: CtlScene
  beforeAll(async () => void (scene = await ctlScene('lovage')))
  afterAll(() => scene.stop())

  const start = (args: readonly string[], over: 'tcp' | 'socket' = 'socket'): Child => {
    const given = ['-c', scene.file, '-s', scene.urls[over], ...args]
    return startChild('supervisorctl', given, { cwd: scene.folder, env: { PYTHONUNBUFFERED: '1' } })
  }
  const run = async (
    args: readonly string[],
    over?: 'tcp' | 'socket',
  ): Promise<{ code: number | null; text: string }> => {
    const child = start(args, over)
    const { code } = await child.ended(PATIENCE)
    return { code, text: child.lines.join('\n') }
  }
  const differences = (steps: readonly Step[], over: 'tcp' | 'socket'): Promise<unknown[]> =>
    differencesOf(steps, (args) => run(args, over))

  it('has every verb, with its output and its exit code, over the socket', async () => {
    expect(await differences(STEPS, 'socket')).toEqual([])
  }, 240_000)

  it('has them over TCP too', async () => {
    const few = STEPS.filter(([args]) => /^(status cat|restart|tail ticker|pid nosuch)/.test(args))
    expect(await differences(few, 'tcp')).toEqual([])
  })

  it('rereads, updates, adds and removes what has changed', async () => {
    scene.write({ more: '[program:fresh]\ncommand=cat\nstartsecs=0\n', without: 'nolog', poolOf: 2 })
    expect(await differences(CHANGED_STEPS, 'socket')).toEqual([])
    scene.write({ more: '[program:broken]\ncommand=cat\nautostart=maybe\n' })
    const { code, text } = await run(['reread'])
    expect(code).toBe(1)
    expect(text).toMatch(/^ERROR: CANT_REREAD: .*supervisord\.conf:\d+: \[program:broken\] autostart.*'maybe'/)
    scene.write()
    expect(await run(['update'])).toMatchObject({
      code: 0,
      text: expect.stringContaining('fresh: removed process group'),
    })
  })

  it.each(['tcp', 'socket'] as const)('follows logs over %s', async (over) => {
    const tail = start(['tail', '-f', 'ticker'], over)
    await tail.line('==> Press Ctrl-C to exit <==', PATIENCE)
    const first = await tail.line(/^tick \d+$/, PATIENCE)
    const later = Number(first.slice(5)) + 40
    await tail.line(`tick ${later}`, PATIENCE)
    tail.signal('SIGINT')
    expect(await tail.ended(PATIENCE)).toMatchObject({ code: 0 })
    const main = start(['maintail', '-f'], over)
    await main.line(/INFO spawned/, PATIENCE)
    await run(['restart', 'manual'])
    const before = main.lines.length
    await run(['restart', 'manual'])
    await main.line("INFO spawned: 'manual'", { ...PATIENCE, from: before })
    main.signal('SIGINT')
    await main.ended(PATIENCE)
    const bad = start(['tail', '-f', 'nosuch'], over)
    await bad.line(/Cannot read, status code 404$/, PATIENCE)
    await bad.ended(PATIENCE)
  })

  it('brings a program to the foreground', async () => {
    const fg = start(['fg', 'cat'])
    await fg.line('==> Press Ctrl-C to exit <==', PATIENCE)
    fg.write('hello there\n')
    await fg.line(/^hello there$/, PATIENCE)
    fg.signal('SIGINT')
    expect(await fg.line('Exiting foreground', PATIENCE)).toBe('Exiting foreground')
    await fg.kill()
  })

  it('has its prompt', async () => {
    const shell = start([])
    await shell.line(/^ticker .*RUNNING/, PATIENCE)
    shell.write(`stop manual\nstart manual\nopen ${scene.urls.tcp}\nstatus cat\nquit\n`)
    expect(await shell.ended(PATIENCE)).toMatchObject({ code: 0 })
    const text = shell.lines.join('\n')
    expect(text).toMatch(/manual: stopped\n(.*> )?manual: started/)
    expect(text.match(/^(check> )?ticker .*RUNNING/gm)).toHaveLength(2)
    expect(text).toMatch(/^(check> )*cat .*RUNNING/m)
  })

  it('is refused with a wrong password, and with none', async () => {
    for (const over of ['tcp', 'socket'] as const) {
      const wrong = await run(['-u', 'admin', '-p', 's3', 'pid'], over)
      expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining('401 Unauthorized') })
    }
    const bare = join(scene.folder, 'bare.conf')
    writeFileSync(bare, `[supervisorctl]\nserverurl=${scene.urls.socket}\n`)
    const child = startChild('supervisorctl', ['-c', bare, 'stop', 'cat'], { cwd: scene.folder })
    expect(await child.ended(PATIENCE)).toMatchObject({ code: 1 })
    expect(child.tail()).toContain('Server requires authentication')
  })

  it('reloads, is answered, and finds all there again; then shuts down', async () => {
    const [, pid] = /pid (\d+)/.exec((await run(['status', 'cat'])).text) ?? []
    expect(await run(['reload'])).toEqual({ code: 0, text: 'Restarted supervisord' })
    await expect.poll(async () => (await run(['status', 'ticker'], 'tcp')).text).toMatch(/RUNNING/)
    expect((await run(['status', 'cat'])).text).not.toContain(`pid ${pid},`)
    expect(await run(['shutdown'])).toEqual({ code: 0, text: 'Shut down' })
    expect(await scene.child.ended(PATIENCE)).toMatchObject({ code: 0 })
    expect(await run(['status'])).toEqual({ code: 4, text: `${scene.urls.socket} no such file` })
    expect((await run(['status'], 'tcp')).text).toBe(`${scene.urls.tcp} refused connection`)
  })
})
