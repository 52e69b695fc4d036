import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Hosts, supervise, type ConfigSections } from '../../src/supervisor/supervise.ts'
import { temporaryFolder } from '../services/reaper.ts'

/** A supervisor of these programs, made in this process; it is stopped after the test. */
function site(programs: ConfigSections): { made: ReturnType<typeof supervise>; socket: string; said: string[] } {
  const folder = temporaryFolder('supervise')
  const socket = join(folder, 's.sock')
  const said: string[] = []
  const own = { pidfile: join(folder, 'pid'), childlogdir: folder }
  const made = supervise(
    { supervisord: own, unix_http_server: { file: socket }, ...programs },
    { env: process.env, onOutput: (name, bytes) => said.push(`${name}: ${bytes.toString()}`) },
  )
  onTestFinished(() => made.stop())
  return { made, socket, said }
}

test('a program supervises others inside itself, over restarts', async () => {
  const { made, socket, said } = site({
    'program:cat': { command: "sh -c 'echo hello; exec cat'", startsecs: 0, ready: 'log:hello' },
    'program:more': { command: 'cat', startsecs: 0, depends_on: 'cat', numprocs: 2, process_name: 'm%(process_num)d' },
  })
  expect(() => made.operations).toThrow('has not been started')
  await made.start()
  const seen = async (): Promise<string[]> =>
    (await new Hosts([{ name: 'here', url: `unix://${socket}`, tags: [] }]).status()).flatMap((answer) =>
      ('processes' in answer ? answer.processes : []).map(({ name, statename }) => `${name} ${statename}`),
    )
  const all = ['cat RUNNING', 'm0 RUNNING', 'm1 RUNNING']
  await expect.poll(seen, { timeout: 60_000 }).toEqual(all)
  expect(said.join('')).toContain('cat: hello\n')
  expect((await made.operations.rollingRestart('more:*')).map(({ status }) => status)).toEqual([80, 80])
  const { operations } = made
  expect(operations.restart()).toBe(true)
  await expect.poll(() => made.operations !== operations, { timeout: 60_000 }).toBe(true)
  await expect.poll(seen, { timeout: 60_000 }).toEqual(all)
  made.operations.shutdown()
  await made.ended
  await made.stop()
})

test('what is wrong is told at the start, with section and option', async () => {
  const { made } = site({ 'program:cat': { command: 'cat', startsecs: 'soon' } })
  await expect(made.start()).rejects.toThrow('[program:cat] startsecs is no whole number')
})
