import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { exitCodeOfView, mergeAnswers } from '../../src/supervisor/host-views.ts'
import type { HostVerb } from '../../src/supervisor/host-verbs.ts'
import { gravest, Hosts, type Host, type HostResult, type HostsOptions } from '../../src/supervisor/hosts.ts'
import { lovage, run as runCommand } from '../cli/lovage.ts'
import { hostSource } from '../../src/cli/host-source.ts'
import { describeWith } from '../services/available.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { PATIENCE } from './ctl-scene.ts'
import { FRESH, ours, SECRET, siteOf, theirs } from './host-sites.ts'

/** Takes connections, and never says a word. */
async function mute(name: string): Promise<Host> {
  const socket = join(temporaryFolder('mute'), 's.sock')
  const server = createServer((connection) => void connection.on('error', () => {}))
  await new Promise<void>((resolve) => void server.listen(socket, resolve))
  onTestFinished(() => void server.close())
  return siteOf(name, `unix://${socket}`)
}

/** Deadlines that pass when they are told to. */
function handClock(): { clock: Clock; pass(): void; waiting(): number } {
  const timers = new Set<() => void>()
  const after: Clock['after'] = (_ms, fn) => {
    timers.add(fn)
    return { cancel: () => void timers.delete(fn) }
  }
  const pass = (): void => {
    for (const fn of timers) fn()
  }
  return { clock: { ...systemClock, after }, pass, waiting: () => timers.size }
}

const PATIENT: HostsOptions = { timeoutMs: 60_000 }

async function all(hosts: Hosts, verb: HostVerb, names: readonly string[] = []): Promise<HostResult[]> {
  const results: HostResult[] = []
  for await (const result of hosts.run(verb, names)) results.push(result)
  return results
}

/** `host:group:process text`, sorted; what differs from run to run is left out. */
const told = (results: readonly HostResult[]): string[] =>
  results
    .map(({ host, name, text }) => `${host}${name === undefined ? '' : `:${name}`} ${text.replace(/since \S+:/, '')}`)
    .toSorted()

const codeOf = (results: readonly HostResult[]): number => gravest(results.map(({ exitCode }) => exitCode))

describeWith(['supervisor'], 'many hosts, ours and supervisords', () => {
  it('are asked and steered at once, the dead and the mute among them', async () => {
    const names = ['ours1', 'ours2', 'them1', 'them2', 'them3']
    const sites = await Promise.all(names.map((name) => (name.startsWith('ours') ? ours(name) : theirs(name))))
    const hosts = new Hosts(sites, PATIENT)
    const each = (line: (name: string) => string): string[] => names.map(line)

    // Questions.
    const before = mergeAnswers(await hosts.status(), 'group')
    expect(before.sections.map(({ title, states }) => [title, states])).toEqual([
      ['cat', { RUNNING: 5 }],
      ['manual', { STOPPED: 5 }],
      ['pool', { RUNNING: 10 }],
    ])
    expect(exitCodeOfView(before)).toBe(3)
    const versions = await all(hosts, 'version')
    expect(told(versions)).toEqual(each((name) => expect.stringMatching(`^${name} 4\\.2\\.5`) as string))
    const pids = await all(hosts, 'pid', ['pool:*'])
    expect(pids).toHaveLength(10)
    expect(pids.every(({ text, exitCode }) => Number(text) > 0 && exitCode === 0)).toBe(true)
    expect(await all(hosts, 'pid')).toHaveLength(5)
    expect(codeOf(await all(hosts, 'pid', ['manual']))).toBe(7)
    const avail = await all(hosts, 'avail')
    expect(avail.filter(({ text }) => /^manual +in use +manual +999:999$/.test(text))).toHaveLength(5)
    await expect
      .poll(async () => told(await all(hosts, 'tail', ['*:pool:pool_1'])))
      .toEqual(each((name) => `${name}:pool:pool_1 hello from the pool\n`))

    // As the dashboard asks.
    const source = hostSource(hosts)
    expect(source.hosts).toEqual(names.map((name) => ({ name, tags: [name.slice(0, 4)] })))
    for (const name of names) {
      const whole = { text: 'hello from the pool\n', offset: 20, overflow: false }
      expect(await source.tail(name, 'pool:pool_0', 'stdout', 0, 100)).toEqual(whole)
      expect(await source.tail(name, 'pool:pool_0', 'stdout', 11, 100)).toEqual({ ...whole, text: 'the pool\n' })
      expect(await source.tail(name, 'pool:pool_0', 'stdout', 20, 100)).toEqual({ ...whole, text: '' })
      expect(await source.tail(name, 'pool:pool_0', 'stdout', 0, 5)).toEqual({
        ...whole,
        text: 'pool\n',
        overflow: true,
      })
      expect(await source.tail(name, 'pool:pool_0', 'stderr', 0, 5)).toEqual({ text: '', offset: 0, overflow: false })
      await expect(source.tail(name, 'nosuch', 'stdout', 0, 5)).rejects.toMatchObject({ code: 'SUPERVISOR_FAULT' })
    }
    await expect(source.tail('none', 'cat', 'stdout', 0, 5)).rejects.toThrow(/no host/)
    const outcomes: unknown[] = []
    for await (const outcome of source.run('start', ['ours2:*:*', 'ours2:cat:cat'])) outcomes.push(outcome)
    expect(outcomes).toContainEqual({ host: 'ours2', name: 'manual:manual', text: 'started', isError: false })
    expect(told(await all(hosts, 'stop', ['manual']))).toContain('ours2:manual:manual stopped')

    // Batches.
    expect(told(await all(hosts, 'start', ['manual']))).toEqual(each((name) => `${name}:manual:manual started`))
    expect(await all(hosts, 'start', ['all'])).toEqual([])
    const again = await all(hosts, 'start', ['ours*:manual:manual'])
    expect(told(again)).toEqual(['ours1', 'ours2'].map((name) => `${name}:manual:manual ERROR (already started)`))
    expect(codeOf(again)).toBe(0)
    expect(told(await all(hosts, 'stop', ['manual', 'them1:pool:*']))).toEqual(
      [
        ...each((name) => `${name}:manual:manual stopped`),
        'them1:pool:pool_0 stopped',
        'them1:pool:pool_1 stopped',
      ].toSorted(),
    )
    expect(told(await all(hosts, 'restart', ['*:pool:pool_0']))).toEqual(
      each((name) => `${name}:pool:pool_0 restarted`),
    )
    expect(told(await all(hosts, 'signal', ['CONT', 'pool:pool_0', 'ours1:*:*']))).toEqual(
      [
        ...each((name) => `${name}:pool:pool_0 signalled`),
        'ours1:cat:cat signalled',
        'ours1:pool:pool_1 signalled',
      ].toSorted(),
    )
    expect(told(await all(hosts, 'clear', ['cat']))).toEqual(each((name) => `${name}:cat:cat cleared`))
    for (const site of sites) site.write(FRESH)
    expect(told(await all(hosts, 'update', ['them*:fr*']))).toEqual(
      ['them1', 'them2', 'them3'].map((name) => `${name} fresh: added process group`),
    )
    expect(told(await all(hosts, 'update'))).toEqual(
      ['ours1', 'ours2'].map((name) => `${name} fresh: added process group`),
    )

    // What is not there.
    const oneOf = await all(
      new Hosts([...sites, { name: 'none', url: 'unix:///no/such.sock', tags: [] }], PATIENT),
      'pid',
      ['x'],
    )
    expect(
      oneOf.map(({ host, text }) => [host, /^ERROR|ENOENT/.exec(text)?.[0], text.includes('hosts that answer')]),
    ).toEqual([
      ['none', 'ENOENT', false],
      ['*', 'ERROR', true],
    ])
    const nowhere = await all(hosts, 'stop', ['nosuch', 'ours1:cat:cat'])
    expect(told(nowhere)).toEqual(['*:nosuch ERROR (no such process)', 'ours1:cat:cat stopped'])
    expect(codeOf(nowhere)).toBe(1)
    expect(await all(hosts, 'start')).toEqual([
      { host: '*', text: 'Error: start requires a process name', exitCode: 2 },
    ])

    // One is dead, one never answers: the others are done with before its deadline has passed.
    await sites[4]?.kill()
    const hand = handClock()
    const more = new Hosts([await mute('mute1'), ...sites], { clock: hand.clock })
    const came: HostResult[] = []
    for await (const result of more.run('restart', ['cat'])) {
      came.push(result)
      if (came.length < 5) continue
      expect(hand.waiting()).toBeLessThanOrEqual(1)
      hand.pass()
    }
    expect(told(came.slice(0, 5))).toEqual([
      ...names.slice(0, 4).map((name) => `${name}:cat:cat restarted`),
      expect.stringMatching(/^them3 unreachable {2}.*(ECONNREFUSED|ENOENT)/),
    ])
    expect(told(came.slice(5))).toEqual(['mute1 unreachable  no answer within 5000 ms'])
    expect(codeOf(came)).toBe(4)
    const dead = came.find(({ host }) => host === 'them3')?.unreachable?.sinceMs
    const later = mergeAnswers(await new Hosts(sites, PATIENT).status(), 'host')
    expect(later.unreachable.map(({ host }) => host)).toEqual(['them3'])
    const asked = more.status(['them*:cat:cat'])
    expect((await asked).map(({ host, unreachable }) => [host, unreachable?.sinceMs])).toEqual([
      ['them1', undefined],
      ['them2', undefined],
      ['them3', dead],
    ])

    // The command.
    const file = join(temporaryFolder('hosts'), 'hosts.yaml')
    const text = sites.map(
      ({ name, url, tags }) =>
        `- name: ${name}\n  url: ${url}\n  username: admin\n  password: "${SECRET}"\n  tags: [${tags.join()}]\n`,
    )
    writeFileSync(file, text.join(''))
    chmodSync(file, 0o600)
    const ctl = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(['ctl', '--hosts', file, '--timeout', '60s', ...args])
    const seen = await ctl('--by', 'state', 'status')
    expect(seen.code).toBe(4)
    expect(seen.text).toMatch(
      /^RUNNING {2}\d+ RUNNING\n( +\S+:\S+:\S+ +RUNNING +pid \d+, uptime .*\n)+STOPPED {2}\d STOPPED\n/,
    )
    expect(seen.text).toMatch(/\nthem3 {2}unreachable since \d{4}-\S+Z: /)
    expect(seen.text).not.toContain(SECRET)
    const config = join(temporaryFolder('hosts'), 'lovage.config.js')
    const given = JSON.stringify(
      sites.map(({ name, url, tags }) => ({ name, url, tags, username: 'admin', password: SECRET })),
    )
    writeFileSync(config, `export default { app: './app.js', hosts: ${given} }\n`, { mode: 0o600 })
    const versions2 = await runCommand(['ctl', '--hosts', config, '--timeout', '60s', '--tag', 'ours', 'version'])
    expect(versions2.text.split('\n').toSorted()).toEqual([
      expect.stringMatching(/^ours1: 4\.2\.5/),
      expect.stringMatching(/^ours2: 4\.2\.5/),
    ])
    const stopped = await ctl('--tag', 'ours', 'stop', 'cat')
    expect({ ...stopped, text: stopped.text.split('\n').toSorted() }).toEqual({
      code: 0,
      text: ['2 done', 'ours1:cat:cat: stopped', 'ours2:cat:cat: stopped'],
    })
    const prompt = lovage(['ctl', '--hosts', file, '--timeout', '60s', '--tag', 'ours', '-i', 'version'])
    await prompt.line('ours2: 4.2.5', PATIENCE)
    prompt.write('start ours1:cat:cat\n\nnonsense\nquit\n')
    expect(await prompt.ended(PATIENCE)).toEqual({ code: 0, signal: null })
    expect(prompt.lines.join('\n')).toMatch(/ours1:cat:cat: started\n1 done\n[^]*nonsense is no verb for many hosts/)
    const json = await ctl('--tag', 'them', '--json', 'signal', 'NOPE', 'cat')
    expect(json.code).toBe(4)
    const rows = json.text.split('\n').map((line) => JSON.parse(line) as HostResult)
    expect(told(rows).slice(0, 2)).toEqual(['them1', 'them2'].map((name) => `${name}:cat:cat ERROR (bad signal name)`))
  })

  it('tell a wrong password without telling it', async () => {
    const site = await ours('ours1')
    const hosts = new Hosts([{ ...site, password: 'wr0ng' }], PATIENT)
    const results = await all(hosts, 'stop', ['cat'])
    expect(results.map(({ text, exitCode }) => [text.replace(/since \S+:/, ''), exitCode])).toEqual([
      ['unreachable  it answers 401, see username and password', 4],
    ])
    expect(JSON.stringify(results)).not.toContain('wr0ng')
  })
})

it('restarts one process at a time over all hosts, and begins nothing more once one has failed', async () => {
  const [one, two] = [await ours('east'), await ours('west')]
  const hosts = new Hosts([one, two], PATIENT)
  const rolled = await all(hosts, 'rolling-restart', ['pool:*'])
  expect(rolled.map(({ host, name, text }) => `${host} ${name} ${text}`)).toEqual([
    'east pool:pool_0 restarted',
    'east pool:pool_1 restarted',
    'west pool:pool_0 restarted',
    'west pool:pool_1 restarted',
  ])
  await one.kill()
  const ended = await all(hosts, 'rolling-restart', ['pool:*'])
  expect(ended.map(({ host, text }) => `${host} ${text.slice(0, 11)}`)).toEqual(
    ['east unreachable', 'west not begun'].map((line) => line.slice(0, 16)),
  )
})
