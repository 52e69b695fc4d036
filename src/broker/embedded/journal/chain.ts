import { log } from '../../../base/log.ts'
import type { JournalFiles } from './journal-files.ts'
import { decodeHeader, HEADER_BYTES, type SegmentHeader } from './segment-header.ts'

/** A file of a journal, and what of it is believed. */
export interface Link {
  readonly number: number
  readonly salt: number
  /** How much of it its successor believed, all of which was durable then; undefined for the newest, which has none. */
  readonly length: number | undefined
  readonly header: SegmentHeader | undefined
}

/** The file of a segment. */
export function nameOf(number: number): string {
  return `journal-${String(number).padStart(10, '0')}`
}

/**
 * The files of a journal, oldest first. Each names the one before it, so that there is one chain, from the newest back. A
 * file that is none of it was written by somebody who did not know that he was no longer the owner: it is not believed,
 * but kept under another name. Nothing is touched before all versions are known.
 * @throws LovageError `HOME_UNUSABLE` for a journal of another version
 */
export function chainOf(files: JournalFiles, path: string): Link[] {
  const numbers = numbersIn(files)
  const headers = new Map(
    numbers.map((n) => [n, decodeHeader(files.readStart(nameOf(n), HEADER_BYTES), path)] as const),
  )
  const newest = numbers.findLast((number) => headers.get(number))
  const chain: Link[] = []
  if (newest !== undefined) {
    const first = headers.get(newest)?.first ?? 0
    for (let link = linkOf(newest, headers.get(newest)); link; link = before(link, headers)) {
      if (link.number < first) break
      chain.unshift(link)
    }
    const wanted = new Set(chain.map(({ number }) => number))
    for (const number of numbers) {
      // Those before the first were dropped, and came back with a loss of power.
      if (number < first) files.remove(nameOf(number))
      else if (number < newest && !wanted.has(number)) putAside(files, path, number)
    }
  }
  for (const number of numbers) {
    if (number <= (newest ?? -1)) continue
    const bytes = files.read(nameOf(number))
    if (bytes.some((byte, at) => at >= HEADER_BYTES && byte !== 0)) putAside(files, path, number)
    // Begun by an owner who died before it had written anything.
    else files.remove(nameOf(number))
  }
  return chain
}

function numbersIn(files: JournalFiles): number[] {
  return files
    .list()
    .map((name) => /^journal-(\d{10,})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

function linkOf(number: number, header: SegmentHeader | undefined): Link | undefined {
  return header && { number, salt: header.salt, length: undefined, header }
}

/** What a file says of the one before it. Where its header is damaged, that one speaks for itself. */
function before(link: Link, headers: Map<number, SegmentHeader | undefined>): Link | undefined {
  if (!link.header) {
    const header = headers.get(link.number - 1)
    return header && { number: link.number - 1, salt: header.salt, length: Infinity, header }
  }
  const { number, salt, length } = link.header.before
  if (!headers.has(number)) return undefined
  const header = headers.get(number)
  return header && header.salt !== salt ? undefined : { number, salt, length, header }
}

function putAside(files: JournalFiles, path: string, number: number): void {
  const aside = files.list().filter((name) => name.startsWith('aside-')).length
  const name = `aside-${aside + 1}-${nameOf(number)}`
  log('error', 'broker', 'a file is no part of the journal beside which it lies: it is put aside', { path, name })
  files.rename(nameOf(number), name)
}
