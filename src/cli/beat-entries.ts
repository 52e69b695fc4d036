import { Argument, Option, type Command } from 'commander'
import { assertStore } from '../app/capabilities.ts'
import type { ComingTick, ScheduleInfo, Schedules } from '../beat/schedules.ts'
import { systemClock } from '../base/clock.ts'
import { offsetMs } from '../protocol/zoned-time.ts'
import { addCommonOptions, newCommand, optionsOf, positive, type CommonOptions } from './command-options.ts'
import { columns, harmless, paintFor, shownMs, type Paint } from './paint.ts'
import { loadTarget } from './target.ts'

interface EntryOptions extends CommonOptions {
  readonly name?: string
  readonly json?: boolean
}

/** `lovage beat list`, `next`, `pause`, `resume`, `run`: what is known of schedules, and steering them while beats run. */
export function entryCommands(): Command[] {
  const part = (name: string, what: string, example: string): Command =>
    addCommonOptions(newCommand(name, what, [`lovage beat ${name}${example}`]))
      .addOption(new Option('--name <name>', "name of the beat, where its code gives it one (default: the app's)"))
      .addOption(new Option('--json', 'as JSON'))
  const entry = (): Argument => new Argument('<entry>', 'name of an entry')
  return [
    part('list', 'Lists all entries: when they are due, what they did last.', '').action((_options, self: Command) =>
      within(self, list),
    ),
    part('next', 'Shows the ticks that come next, of all entries.', ' 10')
      .addArgument(new Argument('[count]', 'how many').default(10).argParser(positive))
      .action((count: number, _options, self: Command) => within(self, (it) => next(it, count))),
    part('pause', 'Lets no tick of an entry come until it is resumed.', ' nightly')
      .addArgument(entry())
      .action((name: string, _options, self: Command) =>
        within(self, (it) => tell(it, it.all.pause(name), 'is paused')),
      ),
    part('resume', 'Lets the ticks of an entry come again.', ' nightly')
      .addArgument(entry())
      .action((name: string, _options, self: Command) =>
        within(self, (it) => tell(it, it.all.resume(name), 'goes on')),
      ),
    part('run', 'Has an entry sent once, now, by a beat that runs; prints the id of the task.', ' nightly')
      .addArgument(entry())
      .action((name: string, _options, self: Command) => within(self, (it) => runNow(it, name))),
  ]
}

interface Errand {
  readonly all: Schedules
  readonly json: boolean
  readonly paint: Paint
  readonly say: (line: string) => void
}

async function within(command: Command, errand: (it: Errand) => Promise<void>): Promise<void> {
  const { name, json = false, ...options } = optionsOf<EntryOptions>(command)
  const { app } = await loadTarget(options)
  assertStore(app.settings, 'lovage beat')
  const { schedules } = await import('../beat/beat.ts')
  try {
    const say = (line: string): void => void process.stdout.write(`${line}\n`)
    await errand({
      all: schedules(app, { ...(name !== undefined && { name }) }),
      json,
      paint: paintFor(process.stdout),
      say,
    })
  } finally {
    await app.close()
  }
}

async function list({ all, json, paint, say }: Errand): Promise<void> {
  const entries = await all.list()
  if (json) return say(JSON.stringify(entries, undefined, 2))
  if (entries.length === 0) return say('No entries: a beat that starts brings those of its code')
  const nowMs = systemClock.now()
  const head = ['entry', 'schedule', 'zone', 'task', 'last', 'next', 'runs', ''].map((title) => paint('dim', title))
  const rows = entries.map((entry) => rowOf(entry, nowMs))
  for (const line of columns([head, ...rows], { right: [6] })) say(line)
}

function rowOf(entry: ScheduleInfo, nowMs: number): string[] {
  const { name, schedule, timezone, task, last, next: coming, runs } = entry
  const lastText = last ? `${shownMs(Math.max(0, nowMs - last.at.getTime()))} ago` : '-'
  return [
    harmless(name),
    harmless(schedule),
    timezone,
    harmless(task),
    lastText,
    coming ? localText(coming, timezone) : '-',
    String(runs),
    notesOf(entry),
  ]
}

function notesOf({ isPaused, isEnabled, isInCode, failures, skipped }: ScheduleInfo): string {
  const notes = [
    isPaused && 'paused',
    !isEnabled && 'not enabled',
    !isInCode && 'added at run time',
    skipped > 0 && `${skipped} left out`,
    failures > 0 && `${failures} sendings failed`,
  ]
  return notes.filter(Boolean).join(', ')
}

async function next({ all, json, paint, say }: Errand, count: number): Promise<void> {
  const ticks = await all.next(count)
  if (json) return say(JSON.stringify(ticks, undefined, 2))
  if (ticks.length === 0) return say('No tick is to come')
  const head = ['entry', 'local', 'zone', 'UTC'].map((title) => paint('dim', title))
  const row = ({ name, at, timezone }: ComingTick): string[] => [
    harmless(name),
    localText(at, timezone),
    timezone,
    localText(at, 'UTC'),
  ]
  for (const line of columns([head, ...ticks.map(row)])) say(line)
}

async function tell({ json, say }: Errand, told: Promise<ScheduleInfo>, what: string): Promise<void> {
  const entry = await told
  if (json) return say(JSON.stringify(entry, undefined, 2))
  say(
    `${harmless(entry.name)} ${what}${entry.next ? `, next at ${localText(entry.next, entry.timezone)} ${entry.timezone}` : ''}`,
  )
}

async function runNow({ all, json, say }: Errand, name: string): Promise<void> {
  const id = await all.run(name)
  say(json ? JSON.stringify({ name, id }) : id)
}

/** What the clocks of a zone show, to the second. */
function localText(at: Date, zone: string): string {
  const local = new Date(at.getTime() + offsetMs(at.getTime(), zone))
  return local.toISOString().slice(0, 19).replace('T', ' ')
}
