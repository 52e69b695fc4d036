import { LovageError } from '../base/errors.ts'
import { CTL_EXIT, nameOf } from '../supervisor/ctl-session.ts'
import { exitCodeOfView, mergeAnswers, type HostView, type ViewBy } from '../supervisor/host-views.ts'
import { hostPattern } from '../supervisor/host-names.ts'
import { HOST_VERBS, type HostVerb } from '../supervisor/host-verbs.ts'
import { gravest, Hosts, type Host, type HostResult } from '../supervisor/hosts.ts'
import { Prompt } from './ctl-prompt.ts'
import { columns, harmless } from './paint.ts'
import { hostsOf, warningsOf } from './read-hosts.ts'

export interface CtlHostsOptions {
  /** The file. */
  readonly hosts: string
  readonly tag?: readonly string[]
  readonly by: ViewBy
  readonly json?: boolean
  readonly timeout: number
  /** A prompt follows. */
  readonly interactive?: boolean
}

/** Those that change something are summed up. */
const BATCH = new Set(['start', 'stop', 'restart', 'rolling-restart', 'signal', 'clear', 'update'])

/** Does one verb on the hosts of a file, and with a prompt others after it; the exit code. */
export async function runOnHosts(words: readonly string[], options: CtlHostsOptions): Promise<number> {
  const all = await hostsOf(options.hosts)
  for (const warning of warningsOf(options.hosts, all)) process.stderr.write(`${warning}\n`)
  const hosts = new Hosts(taggedOf(all, options), { timeoutMs: options.timeout })
  const exitCode = await doOnHosts(hosts, words, options)
  if (!options.interactive) return exitCode
  const prompt = new Prompt(['status', ...Object.keys(HOST_VERBS), 'quit'])
  await prompt.converse('hosts', async (typed) => {
    if (typed.length > 0) await doOnHosts(hosts, typed, options)
  })
  return CTL_EXIT.done
}

async function doOnHosts(hosts: Hosts, words: readonly string[], options: CtlHostsOptions): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const [verb = 'status', ...names] = words
  if (verb === 'status') return tellStatus(hosts, names, options, say)
  if (!Object.hasOwn(HOST_VERBS, verb)) {
    say(`*** ${harmless(verb)} is no verb for many hosts: status, ${Object.keys(HOST_VERBS).join(', ')}`)
    return CTL_EXIT.failed
  }
  const results: HostResult[] = []
  for await (const result of hosts.run(verb as HostVerb, names)) {
    results.push(result)
    say(options.json ? JSON.stringify(result) : lineOf(verb, result))
  }
  const isAsked = results.every(({ host, name }) => host !== '*' || name !== undefined)
  if (BATCH.has(verb) && !options.json && isAsked) say(summaryOf(results))
  return gravest(results.map(({ exitCode }) => exitCode))
}

function taggedOf(hosts: readonly Host[], { hosts: file, tag = [] }: CtlHostsOptions): readonly Host[] {
  if (tag.length === 0) return hosts
  const tagged = hosts.filter(({ tags }) => tags.some((each) => tag.includes(each)))
  if (tagged.length > 0) return tagged
  const known = [...new Set(hosts.flatMap(({ tags }) => tags))]
  throw new LovageError('SUPERVISOR_HOSTS_INVALID', {
    ...{ at: file, subject: 'no host', problem: `has the tag ${tag.join(', ')}` },
    fix: known.length > 0 ? `Use one of: ${known.join(', ')}` : 'Write tags: [web] under a host',
  })
}

async function tellStatus(
  hosts: Hosts,
  given: readonly string[],
  { by, json }: CtlHostsOptions,
  say: (line: string) => void,
): Promise<number> {
  const names = given.includes('all') ? [] : given
  const answers = await hosts.status(names)
  const view = mergeAnswers(answers, by)
  const seen = view.sections.flatMap(({ processes }) => processes)
  const isSilent = answers.length > 0 && answers.every(({ unreachable }) => unreachable)
  const missing = isSilent
    ? []
    : names.filter((name) => !seen.some((info) => hostPattern(name).matches(info.host, info)))
  if (json) say(JSON.stringify({ ...view, missing }, undefined, 2))
  else {
    for (const line of viewLines(view)) say(line)
    const where = view.unreachable.length > 0 ? ' on the hosts that answer' : ''
    for (const name of missing) say(`${harmless(name)}: ERROR (no such process${where})`)
  }
  return missing.length > 0 ? CTL_EXIT.unknown : exitCodeOfView(view)
}

/** A view for people: a line for each process under what it belongs to, then who does not answer. */
export function viewLines({ by, sections, unreachable }: HostView): string[] {
  const lines = sections.flatMap(({ title, states, processes }) => {
    const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`)
    const rows = processes.map((info) => {
      const name = by === 'host' ? nameOf(info) : `${info.host}:${info.group}:${info.name}`
      return ['', harmless(name), harmless(info.statename), harmless(info.description)]
    })
    return [`${harmless(title)}  ${counts.join(', ') || 'no processes'}`, ...columns(rows)]
  })
  const gone = unreachable.map(({ host, sinceMs, why }) => {
    return `${harmless(host)}  unreachable since ${new Date(sinceMs).toISOString()}: ${harmless(why)}`
  })
  return [...lines, ...gone]
}

function lineOf(verb: string, { host, name, text, exitCode }: HostResult): string {
  const who = harmless(name === undefined ? host : host === '*' ? name : `${host}:${name}`)
  // A log is shown as ctl shows it.
  if (verb === 'tail' && exitCode === CTL_EXIT.done) return `==> ${who} <==\n${text}`
  return host === '*' && name === undefined ? harmless(text) : `${who}: ${harmless(text)}`
}

function summaryOf(results: readonly HostResult[]): string {
  const lost = new Set(results.filter(({ unreachable }) => unreachable).map(({ host }) => host))
  const answered = results.filter(({ unreachable }) => !unreachable)
  const done = answered.filter(({ exitCode }) => exitCode === CTL_EXIT.done).length
  const parts = [`${done} done`]
  if (done < answered.length) parts.push(`${answered.length - done} failed`)
  if (lost.size > 0) parts.push(`${lost.size} ${lost.size === 1 ? 'host' : 'hosts'} unreachable`)
  return parts.join(', ')
}
