import { type ChildProcess, fork, type ForkOptions } from 'node:child_process'

/** Options of Node that a child must not take over: two processes cannot listen for one debugger. */
const OWN = /^--(?:inspect|debug)/

/**
 * Starts a process that speaks with this one in structured clones. Where Lovage runs from its sources (its own tests), it
 * too is given what understands TypeScript.
 */
export function forkProcess(file: URL, options: ForkOptions): ChildProcess {
  const inherited = process.execArgv.filter((option) => !OWN.test(option))
  const execArgv = file.pathname.endsWith('.ts') ? [...inherited, '--import', 'jiti/register'] : inherited
  return fork(file, [], { ...options, execArgv, serialization: 'advanced' })
}
