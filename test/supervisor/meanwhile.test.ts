import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { supervise, type Supervised } from './supervised.ts'

/** What comes while something else is under way. */
const PATIENCE = { timeout: 60_000 }

const cat = (name: string, ...lines: string[]): string =>
  [`[program:${name}]`, 'command=cat', 'startsecs=0', ...lines, ''].join('\n')
const pool = (count: number, ...lines: string[]): string =>
  cat('pool', `numprocs=${count}`, 'process_name=w%(process_num)d', ...lines)

/** How it ends, for people. */
const ending = (what: Promise<unknown>): Promise<string> =>
  what.then(
    () => 'done',
    (error: Error) => error.message,
  )

async function applyAll({ operator }: Supervised): Promise<void> {
  for (const { name, fingerprint } of await operator.configDiff()) await operator.applyGroup(name, fingerprint)
}

test('who is told to stop while a restart drains it is not started again', PATIENCE, async () => {
  const { operator, until } = await supervise(cat('w', 'drain=sleep 60'))
  await until('w', 'RUNNING')
  const restart = ending(operator.restartProcess('w'))
  await operator.stopProcess('w')
  expect(await restart).toMatch(/^ABNORMAL_TERMINATION: w was told to stop while it was drained/)
  expect(operator.getProcessInfo('w').statename).toBe('STOPPED')
})

test('who waits for one that gives up waiting itself is told', PATIENCE, async () => {
  const { operator } = await supervise(
    cat('db', 'autostart=false') + cat('api', 'depends_on=db') + cat('web', 'autostart=false', 'depends_on=api'),
  )
  const start = ending(operator.startProcess('web'))
  await operator.stopProcess('api')
  expect(await start).toMatch(/web depends on api \(STOPPED\): start that first/)
})

test('who asks for a start does not wait for ever for what never becomes ready', PATIENCE, async () => {
  const { operator, until } = await supervise(
    cat('db', 'ready=unix:///nowhere/db.sock', 'readywaitsecs=1') + cat('api', 'autostart=false', 'depends_on=db'),
  )
  await until('db', 'RUNNING')
  expect(await ending(operator.startProcess('api'))).toMatch(/^FAILED: api waits too long for db \(not ready\)/)
  expect(operator.getProcessInfo('api').description).toBe('Not started')
})

test('one that waits for its start does so by its changed configuration too', PATIENCE, async () => {
  const made = await supervise(cat('db', 'autostart=false') + cat('api', 'depends_on=db') + cat('web', 'depends_on=db'))
  made.write(
    cat('db', 'autostart=false') + cat('api') + cat('web', 'depends_on=db').replace('cat\n', 'cat --show-all\n'),
  )
  await applyAll(made)
  // It depends on nothing any more.
  await made.until('api', 'RUNNING')
  expect(made.operator.getProcessInfo('web').description).toBe('waits for db (STOPPED)')
  await made.operator.startProcess('db')
  await made.until('web', 'RUNNING')
})

test('two who apply the same change make nothing twice', PATIENCE, async () => {
  const made = await supervise(pool(1))
  made.write(pool(3))
  const [change] = await made.operator.configDiff()
  const both = [0, 1].map(() => ending(made.operator.applyGroup('pool', change?.fingerprint ?? '')))
  expect(await Promise.all(both)).toEqual(['done', expect.stringMatching(/^FAILED: pool is being changed already/)])
  expect(made.lines.filter((line) => /spawned: 'w[12]'/.test(line))).toHaveLength(2)
})

test('nothing is started by who comes when all are being stopped', PATIENCE, async () => {
  const { supervisor, until } = await supervise(cat('a') + cat('b', 'autostart=false'))
  await until('a', 'RUNNING')
  const [, b] = supervisor.processes
  supervisor.leave('shutdown')
  b?.apply({ type: 'start' })
  expect(b?.status).toMatchObject({ state: 'STOPPED', pid: 0 })
})

test('a guard that is asked when all are being stopped is left alone, and not left behind', PATIENCE, async () => {
  const guard = "stop_guard=sh -c 'echo $$ >%(here)s/new; mv %(here)s/new %(here)s/guard; exec sleep 60'"
  const { folder, operator, supervisor, until } = await supervise(cat('w', guard))
  await until('w', 'RUNNING')
  const stop = ending(operator.stopProcess('w'))
  await expect.poll(() => existsSync(join(folder, 'guard')), { timeout: 60_000 }).toBe(true)
  const pid = Number(readFileSync(join(folder, 'guard'), 'utf8'))
  await supervisor.stop()
  expect(await stop).toBe('done')
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 60_000 }).toBe(false)
})

test('a diff has no password of an address within a word', PATIENCE, async () => {
  const of = (word: string): string =>
    cat(
      'w',
      `environment=URL="postgres://u:${word}@db/x",TWO="redis://:${word}@a,redis://:${word}@b"`,
      `drain=env BROKER=amqp://u:${word}@h// sh -c 'x --url=redis://:${word}@h "amqp://u:${word}@h" "--password=${word}"'`,
      `ready=http://u:${word}@h/x`,
    )
  const { operator, write } = await supervise(of('sesame1'))
  write(of('sesame2'))
  const [change] = await operator.configDiff()
  expect(change?.processes[0]?.options).toHaveLength(4)
  expect(JSON.stringify(change)).not.toContain('sesame')
})

test('those who watch hear that a group has other processes', PATIENCE, async () => {
  const made = await supervise(pool(2))
  made.write(pool(1))
  const heard: number[] = []
  made.operator.onChange((what) => heard.push(what === 'groups' ? made.operator.getAllProcessInfo().length : -1))
  await applyAll(made)
  expect(heard.at(-1)).toBe(1)
})
