import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { supervise } from './supervised.ts'

/** A program that is ready some time after its start, when it has written the line. */
const slow = (name: string, ...lines: string[]): string =>
  [
    `[program:${name}]`,
    `command=sh -c 'sleep 0.3; echo up and listening; exec cat'`,
    'startsecs=0',
    'ready=log:listening',
    ...lines,
    '',
  ].join('\n')

const cat = (name: string, ...lines: string[]): string =>
  [`[program:${name}]`, 'command=cat', 'startsecs=0', ...lines, ''].join('\n')

const of = (seen: readonly string[], pattern: RegExp): string[] => seen.filter((line) => pattern.test(line))

test(
  'what depends on others is started when they are ready, and stopped before them',
  { timeout: 240_000 },
  async () => {
    const setup = '[program:setup]\ncommand=true\nstartsecs=0\nautorestart=false\nready=exit\n'
    const { operator, seen, until, supervisor } = await supervise(
      cat('web', 'depends_on=db,setup', 'priority=1') + slow('db', 'priority=999') + setup,
    )
    expect(operator.getProcessInfo('web')).toMatchObject({
      statename: 'STOPPED',
      description: expect.stringMatching(/^waits for db \(/),
    })
    await until('web', 'RUNNING')
    expect(supervisor.named('db')[0]?.isReady).toBe(true)
    expect(seen.indexOf('web STARTING')).toBeGreaterThan(seen.indexOf('setup EXITED'))
    await operator.stopAllProcesses()
    expect(seen.indexOf('db STOPPING')).toBeGreaterThan(seen.indexOf('web STOPPED'))
    // Alone it is told what is missing; with all, each waits for the other.
    await expect(operator.startProcess('web')).rejects.toThrow('FAILED: web depends on db (STOPPED): start that first')
    const results = await operator.startAllProcesses()
    expect(results.map(({ status }) => status)).toEqual([80, 80, 80])
    seen.length = 0
    await supervisor.stop()
    expect(seen.indexOf('db STOPPING')).toBeGreaterThan(seen.indexOf('web STOPPED'))
  },
)

test('one that waits for its start can be told not to', async () => {
  const { operator, seen } = await supervise(cat('web', 'depends_on=db') + cat('db', 'autostart=false'))
  expect(operator.getProcessInfo('web').description).toBe('waits for db (STOPPED)')
  expect(await operator.stopProcess('web')).toBe(true)
  await operator.startProcess('db')
  expect(of(seen, /^web/)).toEqual([])
  expect(operator.getProcessInfo('web').description).toBe('Not started')
})

test('a rolling restart drains each, and begins the next when the last is ready', async () => {
  const pool = [
    'numprocs=3',
    'process_name=w%(process_num)d',
    "drain=sh -c 'echo $SUPERVISOR_PROCESS_NAME >>%(here)s/drained'",
  ]
  const { operator, supervisor, seen, folder } = await supervise(slow('pool', ...pool))
  const all = supervisor.named('pool')
  await Promise.all(all.map((each) => each.until(() => each.isReady)))
  const before = all.map(({ status }) => status.pid)
  seen.length = 0
  let most = 0
  const end = supervisor.onState(() => (most = Math.max(most, all.filter(({ isReady }) => !isReady).length)))
  const told: string[] = []
  const results = await operator.rollingRestart('pool:*', false, ({ name }) => told.push(name))
  end()
  expect(results.map(({ name, status }) => [name, status])).toEqual([
    ['w0', 80],
    ['w1', 80],
    ['w2', 80],
  ])
  expect(told).toEqual(['w0', 'w1', 'w2'])
  expect(most).toBe(1)
  expect(readFileSync(join(folder, 'drained'), 'utf8')).toBe('w0\nw1\nw2\n')
  expect(all.map(({ status }) => status.pid).filter((pid) => before.includes(pid))).toEqual([])
  expect(all.every(({ isReady }) => isReady)).toBe(true)
})

test(
  'it ends with the first that is not drained, or not ready, and leaves the others alone',
  { timeout: 240_000 },
  async () => {
    const { operator, supervisor, folder, lines } = await supervise(
      `[program:pool]
command=sh -c 'test ! -e %(here)s/broken && echo listening; exec cat'
startsecs=0
ready=log:listening
readywaitsecs=1
numprocs=2
process_name=w%(process_num)d
drain=sh -c 'test ! -e %(here)s/busy || { echo 2 tasks run; exit 1; }'
`,
    )
    const all = supervisor.named('pool')
    await Promise.all(all.map((each) => each.until(() => each.isReady)))
    const pids = all.map(({ status }) => status.pid)
    writeFileSync(join(folder, 'busy'), '')
    expect(await operator.rollingRestart('pool:*')).toMatchObject([
      { name: 'w0', status: 30, description: 'FAILED: pool:w0 is not drained and goes on: 2 tasks run' },
    ])
    expect(all.map(({ status }) => status.pid)).toEqual(pids)
    writeFileSync(join(folder, 'broken'), '')
    expect(await operator.rollingRestart('pool:*', true)).toMatchObject([
      { name: 'w0', status: 30, description: 'FAILED: pool:w0 is not ready 1 s after its start' },
    ])
    expect(all[1]?.status.pid).toBe(pids[1])
    expect(operator.getProcessInfo('pool:w0').description).toMatch(/, not ready$/)
    expect(lines.join('')).toContain(
      'rolling restart of pool ends at pool:w0: FAILED: pool:w0 is not ready 1 s after its start; not restarted: pool:w1',
    )
  },
)

test('one that dies before it is ready ends it too', async () => {
  const { operator, until, folder } = await supervise(
    `[program:web]
command=sh -c 'test ! -e %(here)s/broken || exit 3; exec cat'
startsecs=0
startretries=0
autorestart=false
ready=tcp://127.0.0.1:1
`,
  )
  await until('web', 'RUNNING')
  writeFileSync(join(folder, 'broken'), '')
  const [result] = await operator.rollingRestart('web:*')
  expect(result).toMatchObject({ name: 'web' })
  expect([40, 50]).toContain(result?.status)
})

test('a stop drains first; told again it does not wait for that', async () => {
  const { operator, until, folder, supervisor } = await supervise(
    cat('web', "drain=sh -c 'echo >%(here)s/begun; exec sleep 1000'"),
  )
  await until('web', 'RUNNING')
  const stopping = operator.stopProcess('web')
  await expect.poll(() => existsSync(join(folder, 'begun')), { timeout: 60_000 }).toBe(true)
  expect(operator.getProcessInfo('web')).toMatchObject({
    statename: 'RUNNING',
    description: expect.stringMatching(/, draining$/),
  })
  expect(await operator.stopProcess('web')).toBe(true)
  expect(await stopping).toBe(true)
  expect(supervisor.named('web')[0]?.isDraining).toBe(false)
})

test('a guard that refuses keeps the last of two alive, unless it is forced', async () => {
  const guard = `stop_guard=sh -c 'test ! -e %(here)s/gone || { echo the last one; exit 1; }; touch %(here)s/gone'`
  const { operator, supervisor } = await supervise(cat('pool', 'numprocs=2', 'process_name=w%(process_num)d', guard))
  await Promise.all(supervisor.named('pool').map((each) => each.until(() => each.isReady)))
  const results = await operator.stopProcessGroup('pool')
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set([30, 80]))
  expect(results.find(({ status }) => status === 30)?.description).toMatch(
    /^FAILED: pool:w\d is not stopped, its guard refuses: the last one$/,
  )
  expect(await operator.stopProcessGroup('pool', true, true)).toMatchObject([{ status: 80 }])
})
