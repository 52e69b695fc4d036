import { expect, test } from 'vitest'
import { faultError } from '../../src/supervisor/faults.ts'
import type { Operations } from '../../src/supervisor/operations.ts'
import { callRpc } from '../../src/supervisor/rpc.ts'
import signatures from '../fixtures/supervisor/method-signatures.json' with { type: 'json' }

/** Operations that note what they are asked for, and answer with it. */
function noting(answers: Partial<Record<keyof Operations, unknown>> = {}): { on: Operations; asked: unknown[][] } {
  const asked: unknown[][] = []
  const on = new Proxy({} as Operations, {
    get: (_target, name: keyof Operations) => {
      return (...args: unknown[]) => {
        asked.push([name, ...args])
        const answer = answers[name]
        if (answer instanceof Error) throw answer
        return answer ?? true
      }
    },
  })
  return { on, asked }
}

test('has the methods of supervisord, with its signatures and some help', async () => {
  const { on } = noting()
  const names = await callRpc(on, { method: 'system.listMethods', params: [] })
  const ours = (names as string[]).filter((name) => name.startsWith('lovage.'))
  expect((names as string[]).filter((name) => !ours.includes(name))).toEqual(Object.keys(signatures).toSorted())
  expect(ours).toContain('lovage.restartProcess')
  for (const [method, signature] of Object.entries(signatures)) {
    expect(await callRpc(on, { method: 'system.methodSignature', params: [method] })).toEqual(signature)
    expect(await callRpc(on, { method: 'system.methodHelp', params: [method] })).toMatch(/\w+\.$/)
  }
})

test('passes parameters on, some of which may be left out, or be numbers', async () => {
  const { on, asked } = noting()
  await callRpc(on, { method: 'supervisor.startProcess', params: ['cat'] })
  await callRpc(on, { method: 'supervisor.startProcess', params: ['cat', 0] })
  await callRpc(on, { method: 'supervisor.signalProcess', params: ['cat', 15] })
  await callRpc(on, { method: 'supervisor.readMainLog', params: [-100, 0] })
  await callRpc(on, { method: 'supervisor.readProcessStderrLog', params: ['cat', 0, 10] })
  expect(asked).toEqual([
    ['startProcess', 'cat', undefined],
    ['startProcess', 'cat', false],
    ['signalProcess', 'cat', '15'],
    ['readLog', -100, 0],
    ['readProcessLog', 'cat', 'stderr', 0, 10],
  ])
})

test('shapes answers as supervisord does', async () => {
  const { on } = noting({
    reloadConfig: { added: ['a'], changed: [], removed: ['b'] },
    tailProcessLog: { text: 'end', offset: 30, overflow: true },
  })
  expect(await callRpc(on, { method: 'supervisor.reloadConfig', params: [] })).toEqual([[['a'], [], ['b']]])
  const params = ['cat', 0, 3]
  expect(await callRpc(on, { method: 'supervisor.tailProcessStdoutLog', params })).toEqual(['end', 30, true])
})

test.each([
  ['supervisor.noSuch', [], 1, 'UNKNOWN_METHOD'],
  ['supervisor.supervisord.options', [], 1, 'UNKNOWN_METHOD'],
  ['supervisor.constructor', [], 1, 'UNKNOWN_METHOD'],
  ['supervisor', [], 1, 'UNKNOWN_METHOD'],
  ['supervisor.getProcessInfo', [], 2, 'INCORRECT_PARAMETERS'],
  ['supervisor.getProcessInfo', ['a', 'b'], 2, 'INCORRECT_PARAMETERS'],
  ['supervisor.getProcessInfo', [['a']], 2, 'INCORRECT_PARAMETERS'],
  ['supervisor.readLog', ['0', 1], 2, 'INCORRECT_PARAMETERS'],
  ['system.methodHelp', ['supervisor.noSuch'], 4, 'SIGNATURE_UNSUPPORTED'],
])('answers %s(%j) with fault %i', async (method, params, faultCode, faultString) => {
  expect(await callRpc(noting().on, { method, params })).toEqual({ faultCode, faultString })
})

test('tells faults with their numbers, and of what went wrong inside only that it did', async () => {
  const { on } = noting({ startProcess: faultError('BAD_NAME', 'dog'), stopProcess: new Error('secret') })
  const dog = ['dog']
  const fault = { faultCode: 10, faultString: 'BAD_NAME: dog' }
  expect(await callRpc(on, { method: 'supervisor.startProcess', params: dog })).toEqual(fault)
  const failed = { faultCode: 30, faultString: 'FAILED' }
  expect(await callRpc(on, { method: 'supervisor.stopProcess', params: dog })).toEqual(failed)
})

test('runs several calls in their order, with faults in place of results, and no call of several within', async () => {
  const { on, asked } = noting({ getPID: 7, startProcess: faultError('BAD_NAME', 'dog') })
  const calls = [
    { methodName: 'supervisor.getPID' },
    { methodName: 'supervisor.startProcess', params: ['dog'] },
    { params: [] },
    { methodName: 'system.multicall', params: [[]] },
    'nothing',
    { methodName: 'supervisor.stopAllProcesses', params: [] },
  ]
  const answers = await callRpc(on, { method: 'system.multicall', params: [calls as never] })
  expect(answers).toEqual([
    7,
    { faultCode: 10, faultString: 'BAD_NAME: dog' },
    { faultCode: 2, faultString: 'INCORRECT_PARAMETERS: No methodName' },
    { faultCode: 2, faultString: 'INCORRECT_PARAMETERS: Recursive system.multicall forbidden' },
    { faultCode: 2, faultString: 'INCORRECT_PARAMETERS' },
    true,
  ])
  expect(asked.map(([name]) => name)).toEqual(['getPID', 'startProcess', 'stopAllProcesses'])
})
