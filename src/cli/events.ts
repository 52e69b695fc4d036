import { Option, type Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import { systemClock } from '../base/clock.ts'
import { LamportClock } from '../fleet/lamport.ts'
import { type HeardEvent, Listener } from '../fleet/listener.ts'
import { Picture } from '../fleet/picture.ts'
import {
  addCommonOptions,
  newCommand,
  optionsOf,
  positive,
  names as namesIn,
  type CommonOptions,
  wait,
} from './command-options.ts'
import { dumpLine, jsonLine, LiveLines } from './event-lines.ts'
import { writeLog } from './log-lines.ts'
import { paintFor } from './paint.ts'
import { loadTargetOrBroker } from './target.ts'

interface EventsOptions extends CommonOptions {
  readonly dump?: boolean
  readonly json?: boolean
  readonly type?: readonly string[]
  readonly task?: readonly string[]
  readonly worker?: readonly string[]
  readonly heartbeats?: boolean
  readonly count?: number
  /** Milliseconds. */
  readonly for?: number
}

export function command(): Command {
  const description =
    "Shows what happens in the fleet, as it happens: events of all workers, Python's too. Workers tell of their tasks with -E; that they come, live and go they tell always."
  return addCommonOptions(
    newCommand('events', description, [
      'lovage events',
      "lovage events --type 'task-failed,task-retried' --worker 'images@*'",
      "lovage events --json --task 'shop.*' > events.jsonl",
      'lovage events --dump',
    ]),
  )
    .addOption(new Option('-d, --dump', 'lines as celery events --dump prints them').conflicts('json'))
    .addOption(new Option('--json', 'one JSON object a line, as it came'))
    .addOption(new Option('-t, --type <patterns>', 'only events of these types; * is anything').argParser(namesIn))
    .addOption(new Option('--task <patterns>', 'only of tasks of these names').argParser(namesIn))
    .addOption(new Option('-w, --worker <patterns>', 'only of these workers').argParser(namesIn))
    .addOption(new Option('--heartbeats', 'heartbeats too (with --dump and --json they are there anyway)'))
    .addOption(new Option('--count <number>', 'end after so many').argParser(positive))
    .addOption(new Option('--for <time>', 'end after so long: 30s, 5m').argParser(wait))
    .action((_options, self: Command) => run(optionsOf<EventsOptions>(self)))
}

async function run(options: EventsOptions): Promise<void> {
  const { app } = await loadTargetOrBroker(options)
  assertBroker('processes', app.settings, 'lovage events', '`lovage dev` shows what runs')
  const endLog = await writeLog({ loglevel: 'warn', logFormat: 'text' })
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => (end = resolve))
  const timer = options.for === undefined ? undefined : systemClock.after(options.for, end)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  try {
    const { broker } = await app.client()
    const show = printer(options, (line) => process.stdout.write(`${line}\n`))
    let left = options.count ?? Infinity
    const listener = new Listener({
      broker,
      lamport: new LamportClock(),
      onEvents: (events) => {
        for (const event of events) if (left > 0 && show(event) && --left === 0) end()
      },
    })
    await listener.start()
    process.stderr.write(`${paintFor(process.stderr)('dim', '· listening: Ctrl-C ends it')}\n`)
    await ended
    await listener.stop()
  } finally {
    timer?.cancel()
    await app.close()
    endLog()
  }
}

/** Writes the events that are wanted; false: this one is not. */
function printer(options: EventsOptions, print: (line: string) => void): (event: HeardEvent) => boolean {
  const { dump = false, json = false, heartbeats = dump || json || options.type !== undefined } = options
  const picture = new Picture()
  const lines = new LiveLines(paintFor(process.stdout))
  const [ofType, ofTask, ofWorker] = [options.type, options.task, options.worker].map(matcher)
  return (event) => {
    // Of all that comes: the name of a task is told in another event than its end.
    const change = picture.hear(event)
    const task = change?.kind === 'task' ? change.task : undefined
    if (!heartbeats && event.type === 'worker-heartbeat') return false
    if (ofType && !ofType.test(event.type)) return false
    if (ofTask && (task?.name === undefined || !ofTask.test(task.name))) return false
    if (ofWorker && !ofWorker.test(event.hostname)) return false
    print(json ? jsonLine(event) : dump ? dumpLine(event, task) : lines.line(event, task))
    return true
  }
}

/** Patterns in which `*` is anything, as one. */
function matcher(patterns: readonly string[] | undefined): RegExp | undefined {
  if (!patterns) return undefined
  const parts = patterns.map((pattern) => pattern.split('*').map(literally).join('.*'))
  return new RegExp(`^(?:${parts.join('|')})$`, 's')
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)
}
