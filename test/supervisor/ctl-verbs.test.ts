import { afterAll, beforeAll, expect, it } from 'vitest'
import { runLine } from '../../src/supervisor/ctl-verbs.ts'
import type { CtlSession } from '../../src/supervisor/ctl-session.ts'
import { RpcClient } from '../../src/supervisor/rpc-client.ts'
import { run as runCommand, lovage } from '../cli/lovage.ts'
import { describeWith } from '../services/available.ts'
import { freePort } from '../services/ports.ts'
import { CHANGED_STEPS, ctlScene, differencesOf, PATIENCE, STEPS, type CtlScene, type Kind } from './ctl-scene.ts'

const WHO = { username: 'admin', password: 's3:cret' }

/** A session that keeps what is said. */
function kept(url: string, more: Partial<CtlSession> = {}): CtlSession & { said: string[] } {
  const said: string[] = []
  return {
    said,
    client: new RpcClient({ url, ...WHO }),
    exitCode: 0,
    isInteractive: false,
    say: (line) => void said.push(line),
    write: (bytes) => void said.push(bytes.toString()),
    ask: async () => 'n',
    open(address) {
      this.client = new RpcClient({ url: address, ...WHO })
    },
    interruption: () => new AbortController().signal,
    typed: async function* () {},
    ...more,
  }
}

async function run(url: string, args: readonly string[]): Promise<{ code: number; text: string }> {
  const session = kept(url)
  await runLine(session, args)
  return { code: session.exitCode, text: session.said.join('\n') }
}

for (const kind of ['lovage', 'supervisord'] as const satisfies Kind[]) {
  describeWith(kind === 'lovage' ? [] : ['supervisor'], `the verbs of lovage ctl with ${kind}`, () => {
    let scene: CtlScene
    beforeAll(async () => void (scene = await ctlScene(kind)))
    afterAll(() => scene.stop())

    it('say what supervisorctl says, and end as it does', async () => {
      expect(await differencesOf(STEPS, (args) => run(scene.urls.socket, args))).toEqual([])
      scene.write({ more: '[program:fresh]\ncommand=cat\nstartsecs=0\n', without: 'nolog', poolOf: 2 })
      expect(await differencesOf(CHANGED_STEPS, (args) => run(scene.urls.tcp, args))).toEqual([])
    })

    it('follow a log, and bring a program to the foreground', async () => {
      const leave = new AbortController()
      const tail = kept(scene.urls.socket, { interruption: () => leave.signal })
      const ended = runLine(tail, ['tail', '-f', 'ticker'])
      await expect.poll(() => tail.said.join(''), { timeout: 60_000 }).toMatch(/tick \d+\n(.*\n)*tick \d+\n/)
      leave.abort()
      await ended
      expect(tail).toMatchObject({ exitCode: 0, said: expect.arrayContaining(['==> Press Ctrl-C to exit <==']) })

      const fg: ReturnType<typeof kept> = kept(scene.urls.tcp, {
        typed: async function* () {
          yield 'hello there'
          await expect.poll(() => fg.said.join(''), { timeout: 60_000 }).toContain('hello there\n')
        },
      })
      await runLine(fg, ['fg', 'cat'])
      expect(fg.said.at(-1)).toBe('Exiting foreground')
      const bad = kept(scene.urls.tcp)
      await runLine(bad, ['tail', '-f', 'nosuch'])
      expect(bad.said.at(-1)).toMatch(/\/logtail\/nosuch\/stdout Cannot read, status code 404$/)
    })

    it('are refused with a wrong password, and where nobody is', async () => {
      const wrong = kept(scene.urls.tcp)
      wrong.client = new RpcClient({ url: scene.urls.tcp, username: 'admin', password: 'wrong' })
      await runLine(wrong, ['stop', 'cat'])
      expect(wrong).toMatchObject({ exitCode: 1, said: ['Server requires authentication'] })
      const nobody = `http://127.0.0.1:${await freePort()}`
      expect(await run(nobody, ['status'])).toEqual({ code: 4, text: `${nobody} refused connection` })
      const none = `unix://${scene.folder}/none`
      expect(await run(none, ['start', 'cat'])).toEqual({ code: 7, text: `${none} no such file` })
    })

    it('leave the supervisor alone where somebody thinks better of it, and shut it down', async () => {
      const session = kept(scene.urls.socket, { isInteractive: true })
      await runLine(session, ['shutdown'])
      expect(session.said).toEqual([])
      expect(await run(scene.urls.socket, ['shutdown'])).toEqual({ code: 0, text: 'Shut down' })
      expect(await scene.child.ended(PATIENCE)).toMatchObject({ code: 0 })
    })
  })
}

it('gives up a supervisor that does not answer in time', async () => {
  const { createServer } = await import('node:net')
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as { port: number }
  const client = new RpcClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 100 })
  await expect(client.call('getPID')).rejects.toMatchObject({
    code: 'SUPERVISOR_UNREACHABLE',
    details: { reason: 'TIMEOUT' },
  })
  silent.close()
})

it('is a command with exit codes and a prompt', async () => {
  const scene = await ctlScene('lovage')
  try {
    const ctl = (...args: string[]): ReturnType<typeof runCommand> => runCommand(['ctl', '-c', scene.file, ...args])
    expect(await ctl('status', 'manual')).toMatchObject({ code: 3, text: expect.stringMatching(/^manual +STOPPED/) })
    expect(await ctl('tail', '-20', 'ticker', 'stderr')).toMatchObject({
      code: 0,
      text: expect.stringContaining('tock'),
    })
    expect(await ctl('-p', 'wrong', 'pid')).toEqual({ code: 1, text: 'Server requires authentication' })
    const tail = lovage(['ctl', '-c', scene.file, '-s', scene.urls.tcp, 'tail', '-f', 'ticker'])
    await tail.line(/^tick \d+$/, PATIENCE)
    tail.signal('SIGINT')
    expect(await tail.ended(PATIENCE)).toMatchObject({ code: 0 })
    const shell = lovage(['ctl', '-c', scene.file])
    await shell.line(/^ticker .*RUNNING/, PATIENCE)
    shell.write(`start manual\n\nstop manual\nquit\n`)
    expect(await shell.ended(PATIENCE)).toMatchObject({ code: 0 })
    expect(shell.lines.join('\n')).toMatch(/(check> )+manual: started\n(check> )+manual: stopped\n/)
  } finally {
    await scene.stop()
  }
}, 240_000)
