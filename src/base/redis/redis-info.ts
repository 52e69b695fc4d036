import { log } from '../log.ts'
import { clusterRefused } from './redis-url.ts'

/** What a server tells of itself. */
export interface RedisFacts {
  readonly version: string
  readonly isCluster: boolean
  /** A copy that takes no writes. */
  readonly isReplica: boolean
  /** What is wrong with it for one that must lose nothing; each a sentence. */
  readonly risks: readonly string[]
}

/** Reads the answer to INFO. Hosted servers may leave parts out: what is not told is no risk. */
export function readInfo(info: string): RedisFacts {
  const fields = new Map(info.split(/\r?\n/).map((line) => splitOnce(line)))
  const risks: string[] = []
  if (fields.get('aof_enabled') === '0') {
    risks.push('appendonly is off: a crash of the server loses what was written since its last snapshot')
  }
  const policy = fields.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    risks.push(`maxmemory-policy is ${policy}: a full server drops keys, and with them what waits in them`)
  }
  return {
    version: fields.get('redis_version') ?? 'unknown',
    isCluster: fields.get('cluster_enabled') === '1' || fields.get('redis_mode') === 'cluster',
    isReplica: fields.get('role') === 'slave',
    risks,
  }
}

/** Servers that were warned of, so that each connection to one does not warn again. */
const warned = new Set<string>()

/** More servers than a process ever speaks to; what is forgotten is only that it was warned of. */
const MOST_WARNED = 1000

/** Who uses a server. */
export interface RedisUser {
  /** The room that speaks in logs. */
  readonly room: string
  /** What the server is to be, as {@link clusterRefused} has it. */
  readonly where: string
  /** Password hidden. */
  readonly url: string
}

/**
 * Refuses a server that cannot be used, for good (a cluster: LovageError `CAPABILITY_MISSING`) or for now (a replica), and
 * warns of one that may lose something.
 */
export function assertUsable(facts: RedisFacts, { room, where, url }: RedisUser): void {
  if (facts.isCluster) throw clusterRefused(where)
  if (facts.isReplica) throw new Error('it is a replica, which takes no writes')
  warnOfRisks(room, url, facts)
}

/** Once for each URL and room. */
function warnOfRisks(room: string, url: string, { risks }: RedisFacts): void {
  const key = `${room} ${url}`
  if (risks.length === 0 || warned.has(key)) return
  if (warned.size >= MOST_WARNED) warned.clear()
  warned.add(key)
  for (const risk of risks) log('warn', room, 'this Redis may lose messages', { url, problem: risk })
}

function splitOnce(line: string): [string, string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)]
}
