import { Option, type Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import { complaintLines } from './complaint.ts'
import { addCommonOptions, newCommand, optionsOf, wait, type CommonOptions } from './command-options.ts'
import { drainNodes, reasonToStay } from './draining.ts'
import { EXIT } from './exit.ts'
import { writeLog } from './log-lines.ts'
import { paintFor } from './paint.ts'
import { loadTargetOrBroker } from './target.ts'

interface DrainFlags extends CommonOptions {
  /** Milliseconds. */
  readonly timeout: number
  readonly silence: number
  readonly check?: boolean
}

export function command(): Command {
  const description =
    "Has workers, ours and Python's, read their queues no more, and ends when nothing runs there and nothing waits for a slot; where that takes too long, or SIGINT or SIGTERM comes, they read their queues again. For drain= and stop_guard= of a supervisor."
  return addCommonOptions(
    newCommand('drain', description, [
      'lovage drain worker@host',
      'lovage drain --timeout 10m images1@host images2@host',
      'lovage drain --check worker@host',
    ]),
  )
    .addOption(new Option('--timeout <time>', 'how long it may take in all').default(240_000, '4m').argParser(wait))
    .addOption(
      new Option('--silence <time>', 'ask again when nobody has answered for so long')
        .default(1_000, '1s')
        .argParser(wait),
    )
    .addOption(
      new Option('--check', 'drain nothing: end with 1 where they are the last who read a queue in which work waits'),
    )
    .argument('<nodes...>', 'names of workers')
    .action((nodes: string[], _options, self: Command) => run(nodes, optionsOf<DrainFlags>(self)))
}

async function run(nodes: readonly string[], options: DrainFlags): Promise<void> {
  const { timeout: timeoutMs, silence: silenceMs, check = false } = options
  const { app } = await loadTargetOrBroker(options)
  assertBroker('processes', app.settings, 'lovage drain', '`lovage dev` ends what runs before it ends')
  const endLog = await writeLog({ loglevel: 'warn', logFormat: 'text' })
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const end = new AbortController()
  // Workers that read nothing any more would be left behind; a second signal ends us all the same.
  for (const signal of check ? [] : (['SIGINT', 'SIGTERM'] as const)) process.once(signal, () => end.abort())
  try {
    const why = check
      ? await reasonToStay(app, nodes, silenceMs)
      : await drainNodes(app, nodes, { timeoutMs, silenceMs, say, signal: end.signal })
    if (why === undefined) return
    process.exitCode = EXIT.failed
    // On one line: a supervisor tells the last.
    say(process.stderr.isTTY ? complaintLines({ what: why }, paintFor(process.stderr)).join('\n') : why)
  } finally {
    endLog()
    await app.close()
  }
}
