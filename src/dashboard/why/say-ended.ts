import type { Facts } from './facts.ts'
import type { Found } from './rank.ts'
import { moment, named } from './words.ts'

/** What has become of it: its result, what its events told, its dead letter. */
export function ended(facts: Facts): Found[] {
  return [...buried(facts), ...over(facts)]
}

function buried({ dead, nowMs }: Facts): Found[] {
  if (!dead) return []
  const { queue, key, task, code, text, atMs } = dead
  const evidence = `lovage dead show ${queue} ${key}`
  const when = atMs === undefined ? '' : `, ${moment(atMs, nowMs)}`
  const letter: Found = {
    code: 'DEAD_LETTER',
    text: `It lies in the dead letters of ${named(queue)}${when}: ${code}, ${text}`,
    certainty: 'certain',
    evidence,
  }
  if (code !== 'TASK_UNKNOWN') return [letter]
  const unknown = `No worker that reads ${named(queue)} has a task ${named(task ?? 'of this name')}: it was put aside${when}.`
  return [{ code: 'NO_WORKER_KNOWS_TASK', text: unknown, certainty: 'certain', evidence }, letter]
}

function over({ id, result, heard, nowMs }: Facts): Found[] {
  const state = result?.state ?? heard?.state
  const atMs = result ? result.atMs : heard?.atMs
  const error = result ? result.error : heard?.error
  const when = atMs === undefined ? '' : ` ${moment(atMs, nowMs)}`
  const evidence = result ? `lovage result ${id}` : undefined
  const told = (code: Found['code'], text: string): Found[] => [{ code, text, certainty: 'certain', evidence }]
  if (state === 'SUCCESS') return told('SUCCEEDED', `It has run and succeeded${when}.`)
  if (state === 'FAILURE') return told('FAILED', `It failed${when}${error === undefined ? '.' : `: ${error}`}`)
  if (state !== 'REVOKED') return []
  const hasExpired = result ? error === 'expired' : heard?.hasExpired === true
  if (hasExpired) return told('EXPIRED', `Its time to start ran out, and a worker ended it${when}.`)
  if (error === 'terminated') return told('REVOKED', `It ran, and was terminated${when}.`)
  if (error === 'abandoned') return told('REVOKED', `Nobody waited for it any more, and it was given up${when}.`)
  return told('REVOKED', `It was revoked, and a worker ended it${when}.`)
}
