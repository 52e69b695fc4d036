import { Option, type Command } from 'commander'
import { assertBroker } from '../app/capabilities.ts'
import { systemClock } from '../base/clock.ts'
import type { Broker } from '../broker/broker.ts'
import { dropDead, listDead, requeueDead, type DeadLetter } from '../broker/dead-letters.ts'
import { plainHeader } from '../protocol/headers.ts'
import { addCommonOptions, newCommand, optionsOf, positive, type CommonOptions } from './command-options.ts'
import { complaintLines } from './complaint.ts'
import { EXIT } from './exit.ts'
import { columns, harmless, paintFor, shownMs, type Paint } from './paint.ts'
import { loadTargetOrBroker } from './target.ts'

interface DeadOptions extends CommonOptions {
  readonly limit: number
  readonly all?: boolean
  readonly yes?: boolean
}

/** Bytes of a body that are shown; what is larger is not meant to be read on a terminal. */
const MOST_SHOWN = 16_384

export function command(): Command {
  const description =
    'Messages that could not be dealt with lie in <queue>.dead, with the reason. A letter is named by its key, or by the id of its task.'
  const dead = newCommand('dead', description, [
    'lovage dead list celery',
    'lovage dead show celery 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55',
    'lovage dead requeue celery --all',
    'lovage dead drop celery 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55',
  ])
  const part = (name: string, what: string, example: string): Command =>
    addCommonOptions(newCommand(name, what, [`lovage dead ${name} ${example}`])).argument(
      '<queue>',
      'queue they came from',
    )
  const all = new Option('--all', 'all that are there now')
  return dead
    .addCommand(
      part('list', 'Lists dead letters, the oldest first.', 'celery')
        .addOption(new Option('--limit <count>', 'most letters').default(100).argParser(positive))
        .action((queue: string, _options, self: Command) => within(queue, self, list)),
    )
    .addCommand(
      part('show', 'Shows one letter: reason, headers, body.', 'celery <key>')
        .argument('<key>', 'key or id')
        .action((queue: string, key: string, _options, self: Command) => within(queue, self, show, [key])),
    )
    .addCommand(
      part('requeue', 'Sends letters back to their queue, to be tried again.', 'celery --all')
        .argument('[keys...]', 'keys or ids')
        .addOption(all)
        .action((queue: string, keys: string[], _options, self: Command) => within(queue, self, requeue, keys)),
    )
    .addCommand(
      part('drop', 'Throws letters away, for ever.', 'celery <key>')
        .argument('[keys...]', 'keys or ids')
        .addOption(all)
        .addOption(new Option('-y, --yes', 'really drop all'))
        .action((queue: string, keys: string[], _options, self: Command) => within(queue, self, drop, keys)),
    )
}

interface Errand {
  readonly broker: Broker
  readonly queue: string
  readonly keys: readonly string[]
  readonly options: DeadOptions
  readonly command: Command
}

async function within(
  given: string,
  command: Command,
  errand: (it: Errand) => Promise<void>,
  keys: readonly string[] = [],
): Promise<void> {
  const options = optionsOf<DeadOptions>(command)
  const { app } = await loadTargetOrBroker(options)
  assertBroker('processes', app.settings, 'lovage dead', 'Read the log of `lovage dev`, which says why')
  try {
    const { broker } = await app.client()
    await errand({ broker, queue: given.replace(/\.dead$/, ''), keys, options, command })
  } finally {
    await app.close()
  }
}

async function list({ broker, queue, options }: Errand): Promise<void> {
  const letters = await listDead(broker, queue, options.limit)
  if (letters.length === 0) return void process.stdout.write(`No dead letters of ${queue}\n`)
  const paint = paintFor(process.stdout)
  const nowMs = systemClock.now()
  const rows = letters.map(({ key, task, reason, atMs }) => [
    harmless(key),
    harmless(task ?? '-'),
    atMs === undefined ? '-' : `${shownMs(Math.max(0, nowMs - atMs))} ago`,
    harmless(reason.message),
  ])
  const head = ['key', 'task', 'put aside', 'reason'].map((title) => paint('dim', title))
  process.stdout.write(`${columns([head, ...rows]).join('\n')}\n`)
}

async function show({ broker, queue, keys }: Errand): Promise<void> {
  const [letter] = await find(broker, queue, keys)
  if (letter) process.stdout.write(`${lettersLines(letter, paintFor(process.stdout)).join('\n')}\n`)
}

async function requeue({ broker, queue, keys, options, command }: Errand): Promise<void> {
  const chosen = await choose({ broker, queue, keys, options, command })
  if (chosen) process.stdout.write(`${counted(await requeueDead(broker, queue, chosen))} sent back to ${queue}\n`)
}

async function drop({ broker, queue, keys, options, command }: Errand): Promise<void> {
  if (options.all && !options.yes)
    return command.error('error: drop --all throws away every letter, for ever\nAdd --yes to do it.')
  const chosen = await choose({ broker, queue, keys, options, command })
  if (chosen) process.stdout.write(`${counted(await dropDead(broker, queue, chosen))} dropped\n`)
}

/** The keys that were asked for; undefined, and told, when one of them is not there. */
async function choose({ broker, queue, keys, options, command }: Errand): Promise<'all' | string[] | undefined> {
  if (options.all) return 'all'
  if (keys.length === 0) return command.error('error: no letter named\nName keys, or use --all.')
  const letters = await find(broker, queue, keys)
  return letters.length > 0 ? letters.map(({ key }) => key) : undefined
}

/** Nothing when one is missing: a list that was half right is better read again than half done. */
async function find(broker: Broker, queue: string, keys: readonly string[]): Promise<DeadLetter[]> {
  const letters = await listDead(broker, queue, Infinity)
  const found = keys.map((name) => letters.filter(({ key, id }) => key === name || id === name))
  const missing = keys.filter((_name, index) => found[index]?.length === 0)
  if (missing.length === 0) return found.flat()
  process.exitCode = EXIT.failed
  const what = `No dead letter ${missing.join(', ')} of ${queue}; nothing was done`
  const lines = complaintLines({ what, next: `lovage dead list ${queue} shows their keys` }, paintFor(process.stderr))
  process.stderr.write(`${lines.join('\n')}\n`)
  return []
}

function lettersLines({ key, task, reason, queue, atMs, message }: DeadLetter, paint: Paint): string[] {
  const at = atMs === undefined ? 'unknown' : new Date(atMs).toISOString()
  const { headers, body, ...properties } = message
  const rows: [string, string][] = [
    ['key', key],
    ['task', task ?? 'unknown'],
    ['queue', queue],
    ['put aside', at],
    ['reason', `${reason.code}: ${reason.message}`],
  ]
  for (const [name, value] of Object.entries(properties))
    if (value !== undefined && value !== '') rows.push([name, String(value)])
  for (const [name, value] of Object.entries(headers)) rows.push([`header ${name}`, jsonOf(plainHeader(value))])
  rows.push(['body', `${body.length} bytes${body.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} below` : ''}`])
  const text = new TextDecoder().decode(body.subarray(0, MOST_SHOWN)).split('\n').map(harmless)
  return [...columns(rows.map(([name, value]) => [paint('dim', name), harmless(value)])), '', ...text]
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? ''
}

function counted(letters: number): string {
  return letters === 1 ? '1 letter' : `${letters} letters`
}
