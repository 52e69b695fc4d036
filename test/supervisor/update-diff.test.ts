import { expect, test } from 'vitest'
import { applyDiff, showDiff } from '../../src/supervisor/ctl-diff.ts'
import type { CtlSession } from '../../src/supervisor/ctl-session.ts'
import type { RpcClient } from '../../src/supervisor/rpc-client.ts'
import { callRpc } from '../../src/supervisor/rpc.ts'
import { faultAnswered } from '../../src/supervisor/faults.ts'
import type { RpcValue } from '../../src/supervisor/xml-rpc.ts'
import { supervise, type Supervised } from './supervised.ts'

/** A session of ctl with this supervisor, and what it has said. */
function sessionWith({ operator }: Supervised): CtlSession & { lines: string[] } {
  const lines: string[] = []
  const call = async (method: string, ...params: RpcValue[]): Promise<unknown> => {
    const name = method.includes('.') ? method : `supervisor.${method}`
    const answer = await callRpc(operator, { method: name, params })
    if (typeof answer === 'object' && answer !== null && 'faultCode' in answer) throw faultAnswered(answer as never)
    return answer
  }
  return {
    ...{ lines, client: { call } as unknown as RpcClient, exitCode: 0, isInteractive: false },
    say: (line) => void lines.push(line),
    write: () => {},
    ask: async () => '',
    open: () => {},
    interruption: () => AbortSignal.abort(),
    typed: async function* () {},
  }
}

const POOL = (count: number, ...lines: string[]): string =>
  [
    '[program:pool]',
    `command=cat`,
    'startsecs=0',
    `numprocs=${count}`,
    'process_name=w%(process_num)d',
    ...lines,
    '',
  ].join('\n')
const OLD = '[program:old]\ncommand=cat\nstartsecs=0\n'
const FRESH = '[program:fresh]\ncommand=cat --show-all\nstartsecs=0\n'

test(
  'update --diff shows each option, without secrets, and touches nothing but what it shows',
  { timeout: 240_000 },
  async () => {
    const made = await supervise(POOL(2, 'environment=API_KEY="one",MODE="a"') + OLD)
    const { operator, write, seen, supervisor } = made
    const pids = (): number[] => supervisor.named('pool').map(({ status }) => status.pid)
    await Promise.all(supervisor.processes.map((each) => each.until(() => each.isReady)))
    const before = pids()

    write(POOL(3, 'environment=API_KEY="one",MODE="a"', 'stopwaitsecs=3') + FRESH)
    seen.length = 0
    const first = sessionWith(made)
    await applyDiff(first, [])
    expect(first.lines).toEqual([
      ...['old: removed', '  old: removed'],
      'pool: changed',
      ...['  w0, w1: goes on', '    stopwaitsecs: 10 -> 3'],
      ...['  w2: added', '    command: none -> cat'],
      ...['fresh: added', '  fresh: added', '    command: none -> cat --show-all'],
      'old: removed',
      ...['pool:w0: changed, goes on', 'pool:w1: changed, goes on', 'pool:w2: added'],
      'fresh: added',
    ])
    expect(first.exitCode).toBe(0)
    expect(pids().slice(0, 2)).toEqual(before)
    expect(seen.filter((line) => /^pool:w[01]/.test(line))).toEqual([])
    expect(supervisor.named('pool')[0]?.config.stopwaitsecs).toBe(3)
    expect(await operator.reloadConfig()).toEqual({ added: [], changed: [], removed: [] })

    await operator.stopProcess('pool:w1')
    write(POOL(3, 'environment=API_KEY="two",MODE="b"', 'stopwaitsecs=3') + FRESH)
    const second = sessionWith(made)
    await applyDiff(second, ['pool'])
    expect(second.lines).toEqual([
      'pool: changed',
      '  w0, w1, w2: restarts',
      ...['    environment API_KEY: *** -> *** (another)', '    environment MODE: a -> b'],
      ...['pool:w0: restarted', 'pool:w1: changed', 'pool:w2: restarted'],
    ])
    expect(pids()[0]).not.toBe(before[0])
    // What somebody has stopped stays so.
    expect(operator.getProcessInfo('pool:w1').statename).toBe('STOPPED')
    const third = sessionWith(made)
    await showDiff(third)
    expect(third.lines).toEqual(['No config updates to processes'])
  },
)

test('what has changed since it was shown is not applied', async () => {
  const { operator, write } = await supervise(POOL(1))
  write(POOL(2))
  const [shown] = await operator.configDiff()
  write(POOL(3))
  await operator.reloadConfig()
  await expect(operator.applyGroup('pool', shown?.fingerprint ?? '')).rejects.toThrow(
    'FAILED: the configuration of pool is another than was shown',
  )
  expect(operator.getAllProcessInfo()).toHaveLength(1)
})

test(
  'one that does not come up again ends it, and is told as a change until it does',
  { timeout: 240_000 },
  async () => {
    const { operator, write, supervisor } = await supervise(POOL(2))
    await Promise.all(supervisor.processes.map((each) => each.until(() => each.isReady)))
    write(POOL(2, 'directory=/no/such/place'))
    const [shown] = await operator.configDiff()
    const results = await operator.applyGroup('pool', shown?.fingerprint ?? '')
    expect(results).toMatchObject([{ name: 'w0', status: 50 }])
    expect(operator.getProcessInfo('pool:w1').statename).toBe('RUNNING')
    expect((await operator.configDiff()).map(({ processes }) => processes.map(({ name }) => name))).toEqual([['w1']])
  },
)

test('passwords in addresses and commands are not shown', async () => {
  const { operator, write } = await supervise(OLD)
  write('[program:old]\ncommand=cat --db amqp://me:word@host/ --password=other --api-key third x=1\nstartsecs=0\n')
  const [shown] = await operator.configDiff()
  expect(shown?.processes[0]?.options[0]).toEqual({
    option: 'command',
    from: 'cat',
    to: 'cat --db amqp://me:***@host/ --password=*** --api-key *** x=1',
  })
})
