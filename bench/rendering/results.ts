import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { findCommand, findRabbitmq, hasService } from '../../scripts/services.mjs'
import type { Row } from '../case.ts'
import { ownVersion, peerVersion } from '../optional-peers.ts'
import { findPostgres } from '../postgres-node.ts'

/** What a machine is and does while a case is measured. */
export interface Conditions {
  readonly cores: number
  readonly memoryGiB: number
  /** How many processes wanted a core, on average over the minute before. */
  readonly load: number
  /** Of all that is measured, by name; only what is there. */
  readonly versions: Readonly<Record<string, string>>
}

/** What is kept of one case. */
export interface CaseResult {
  /** When the case began. */
  readonly conditions: Conditions
  readonly loadAfter: number
  readonly seconds: number
  readonly rows: readonly Row[]
  /** Why the last run of it gave no rows. */
  readonly failed?: string
}

/** Cases by name. */
export type Results = Readonly<Record<string, CaseResult>>

const FILE = 'results.json'

/** What was measured until now. */
export function readResults(folder: string): Results {
  const file = join(folder, FILE)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : {}
}

/**
 * Adds to `folder` what bench/run-case.mjs left in `measured` of one case, in place of what was there of it before. Of a part
 * of a case, only the rows that it has.
 */
export function gather(
  folder: string,
  measured: string,
  name: string,
  { before, seconds, isPart }: { before: Conditions; seconds: number; isPart: boolean },
): void {
  const all = readResults(folder)
  const file = join(measured, `${name}.json`)
  const told = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { rows: Row[] } | { failed: string })
    : { failed: 'it ended before it had told what it measured' }
  // A path is of this machine, and of no use to a reader.
  const failed = 'failed' in told ? told.failed.replaceAll(/(\/[\w.@+-]+){2,}/g, '…') : undefined
  const rows = 'rows' in told ? told.rows : []
  const kept = isPart ? (all[name]?.rows ?? []) : []
  const merged = [
    ...kept.map((row) => rows.find(({ what }) => what === row.what) ?? row),
    ...rows.filter(({ what }) => !kept.some((row) => row.what === what)),
  ]
  const result: CaseResult = {
    conditions: before,
    loadAfter: loadNow(),
    seconds: Math.round(seconds),
    rows: merged,
    ...(failed !== undefined && { failed }),
  }
  const sorted = Object.entries({ ...all, [name]: result }).toSorted(([a], [b]) => (a < b ? -1 : 1))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, FILE), `${JSON.stringify(Object.fromEntries(sorted), rounded, 1)}\n`)
}

/** Six digits are more than any measurement has. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value
}

export function conditionsNow(): Conditions {
  const memoryGiB = Math.round(totalmem() / 2 ** 30)
  return { cores: availableParallelism(), memoryGiB, load: loadNow(), versions: versions() }
}

function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10
}

const PYTHON = '/usr/bin/python3'
const METADATA = 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))'

let known: Record<string, string> | undefined

function versions(): Record<string, string> {
  if (known) return known
  const found: Record<string, string | undefined> = { Node: process.versions.node }
  const rabbitmq = findRabbitmq()
  const redis = findCommand('redis-server')
  const postgres = findPostgres()
  if (rabbitmq) found['RabbitMQ'] = rabbitmqVersion()
  if (redis) found['Redis'] = said(redis, ['--version'])
  if (postgres) found['PostgreSQL'] = said(join(postgres, 'postgres'), ['--version'])
  if (existsSync(PYTHON)) found['Python'] = said(PYTHON, ['--version'])
  for (const [name, package_] of [
    ['Celery', 'celery'],
    ['Tornado', 'tornado'],
    ['supervisord', 'supervisor'],
  ] as const) {
    if (existsSync(PYTHON)) found[name] = said(PYTHON, ['-c', METADATA, package_])
  }
  for (const name of ['amqplib', 'ioredis', 'fastify']) found[name] = ownVersion(name)
  for (const name of ['bullmq', 'graphile-worker', 'pg-boss', 'celery-node']) found[name] = peerVersion(name)
  known = Object.fromEntries(Object.entries(found).flatMap(([name, version]) => (version ? [[name, version]] : [])))
  return known
}

/** The first version in what a command says; undefined when it says none. */
function said(command: string, args: readonly string[]): string | undefined {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 })
    return /\d+(\.\d+)+/.exec(text)?.[0]
  } catch {
    return undefined
  }
}

/** Asking the server itself would take a second Erlang. */
function rabbitmqVersion(): string | undefined {
  if (!hasService('rabbitmq')) return undefined
  return said('dpkg-query', ['-W', '-f', '${Version}', 'rabbitmq-server'])
}
