import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { readConfiguration } from '../../src/supervisor/read-configuration.ts'
import { Operator } from '../../src/supervisor/operator.ts'
import type { ProcessState } from '../../src/supervisor/states.ts'
import { Supervisor } from '../../src/supervisor/supervisor.ts'
import { temporaryFolder } from '../services/reaper.ts'

/** A supervisor that runs, and what was seen of it. */
export interface Supervised {
  readonly supervisor: Supervisor
  readonly operator: Operator
  readonly folder: string
  /** Lines of its own log. */
  readonly lines: string[]
  /** `name STATE`, each change of state. */
  readonly seen: string[]
  /** Writes a configuration; what is not told is that of the tests. */
  write(programs: string, own?: string): void
  /** Resolves when a process is in that state, now or later. */
  until(name: string, state: ProcessState): Promise<void>
}

/** Starts a supervisor in a folder of its own; it is stopped after the test. */
export async function supervise(programs: string, own = ''): Promise<Supervised> {
  const folder = temporaryFolder('supervised')
  const file = join(folder, 'supervisord.conf')
  const write = (text: string, more = own): void => {
    const head = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\n${more}\n`
    writeFileSync(file, head + text.replaceAll('%(node)s', process.execPath))
  }
  write(programs)
  const lines: string[] = []
  const reread = () => readConfiguration(file, { env: process.env, host: 'here', temporary: folder })
  const config = reread()
  const supervisor = new Supervisor({ config, reread, env: process.env, echo: (line) => lines.push(line) })
  const seen: string[] = []
  supervisor.onState(({ process: { fullName }, change }) => seen.push(`${fullName} ${change.to}`))
  onTestFinished(() => supervisor.stop())
  await supervisor.start()
  const until = async (name: string, state: ProcessState): Promise<void> => {
    const found = supervisor.processes.find(({ fullName }) => fullName === name)
    if (!found) throw new Error(`there is no ${name}`)
    await found.until((status) => status.state === state)
  }
  return { supervisor, operator: new Operator(supervisor), folder, lines, seen, write, until }
}
