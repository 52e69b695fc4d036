import type { FastifyRequest } from 'fastify'
import { LovageError } from '../base/errors.ts'
import type { LogPiece } from './action-api.ts'
import type { DashboardPart } from './context.ts'
import { redactedTail } from './log-window.ts'
import { Redactor } from './redact.ts'

/** Most that one piece has, in bytes: who reads slowly asks for the next one when this one is there. */
const MOST_BYTES = 256 * 1024

/** `group:process`; no path, blank, pattern or control character. */
const NAME = /^[^\s/\\*\p{Cc}]+:[^\s/\\*\p{Cc}]+$/u

/** Reads of logs that run at a time; each may wait for its host. */
const MOST_READS = 20

/**
 * `GET /api/v1/processes/log`: the end of a log, or what was written since an offset, in whole lines. A piece a request: who is slow gets no
 * more than they have asked for, and nothing waits for them here.
 */
export const processLog: DashboardPart = (server, { sources: { hosts }, options }) => {
  const redactor = new Redactor(options.redact)
  let reads = 0
  const read = async (request: FastifyRequest): Promise<LogPiece> => {
    const { target, channel, length, offset } = single(request.query)
    const [host = '', ...rest] = target.split(':')
    const process = rest.join(':')
    const isKnown = hosts?.hosts.some(({ name }) => name === host) ?? false
    // What goes to a host is the name of one of its processes, and no path, blank or pattern.
    if (!hosts || !isKnown || !NAME.test(process) || process.split(':').includes('..')) {
      throw new LovageError('DASHBOARD_UNKNOWN', { what: 'process', name: target.slice(0, 200) })
    }
    if (channel !== 'stdout' && channel !== 'stderr') throw invalid('channel', channel, 'Write stdout or stderr')
    const asked = whole('length', length ?? '65536', MOST_BYTES)
    const from = offset === undefined ? undefined : whole('offset', offset, Number.MAX_SAFE_INTEGER)
    if (reads >= MOST_READS) throw new LovageError('READERS_TOO_MANY', { readers: MOST_READS })
    reads++
    try {
      return await redactedTail(
        (start, most) => hosts.tail(host, process, channel, start, most),
        (text) => redactor.text(text),
        from,
        asked,
      )
    } finally {
      reads--
    }
  }
  server.route({ method: 'GET', url: '/api/v1/processes/log', handler: read })
}

/** What is asked for once; what comes twice is left out. */
function single(query: unknown): { target: string; channel: string; length?: string; offset?: string } {
  const texts = Object.entries(query as object).filter(([, value]) => typeof value === 'string')
  return { target: '', channel: 'stdout', ...(Object.fromEntries(texts) as Record<string, string>) }
}

function whole(option: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && value <= most) return value
  throw invalid(option, text, `Write a whole number up to ${most}`)
}

function invalid(option: string, given: string, fix: string): LovageError {
  const problem = `is ${JSON.stringify(given.slice(0, 100))}`
  return new LovageError('OPTION_INVALID', { option, where: 'processes/log', problem, fix })
}
