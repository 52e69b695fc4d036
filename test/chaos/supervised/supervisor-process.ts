import { tmpdir } from 'node:os'
import { Operator } from '../../../src/supervisor/operator.ts'
import { readConfiguration } from '../../../src/supervisor/read-configuration.ts'
import { Supervisor } from '../../../src/supervisor/supervisor.ts'

/** What the one who has started this process may ask it. */
export type Question = 'info' | 'changes' | 'memory' | 'stopAll' | 'startAll' | 'shutdown'

const file = process.env['SUPERVISED_CONFIG'] as string
const reread = () => readConfiguration(file, { env: process.env, host: 'here', temporary: tmpdir() })
const supervisor = new Supervisor({ config: reread(), reread, env: process.env })
const operator = new Operator(supervisor)

let changes: [name: string, from: string, to: string][] = []
operator.onProcessState(({ name, from, to }) => void changes.push([name, from, to]))

const answers: Record<Question, () => unknown> = {
  info: () => operator.getAllProcessInfo(),
  changes: () => changes.splice(0),
  memory: () => {
    changes = changes.slice()
    ;(globalThis as { gc?: () => void }).gc?.()
    return process.memoryUsage.rss()
  },
  stopAll: () => operator.stopAllProcesses(),
  startAll: () => operator.startAllProcesses(false),
  shutdown: async () => {
    operator.shutdown()
    await supervisor.ended
  },
}

process.on('message', ({ id, question }: { id: number; question: Question }) => {
  void Promise.resolve(answers[question]()).then((answer) => process.send?.({ id, answer }))
})
await supervisor.start()
process.send?.({ id: 0, answer: true })
