import type { Facts, HandFacts, WorkerFacts } from './facts.ts'
import type { Found } from './rank.ts'
import { counted, lasting, listed, moment, named } from './words.ts'

/** What a worker says that has it in hand. */
export function inHand(facts: Facts): Found[] {
  const { hand } = facts
  if (!hand) return []
  if (hand.place === 'active') return [runs(hand, facts)]
  return [...revoked(facts, hand), ...(hand.place === 'scheduled' ? [waits(hand, facts)] : reserved(hand, facts))]
}

function runs({ worker, sinceMs, task }: HandFacts, { nowMs }: Facts): Found {
  const since = sinceMs === undefined ? 'is about to start' : `has run for ${lasting(nowMs - sinceMs)}`
  const text = `${named(task)} ${since} on ${named(worker)}.`
  return { code: 'RUNNING', text, certainty: 'certain', evidence: `lovage inspect active -d ${worker}` }
}

function waits({ worker, etaMs, retries = 0, task }: HandFacts, { nowMs, result, message }: Facts): Found {
  const due = etaMs === undefined ? 'later' : moment(etaMs, nowMs)
  const evidence = `lovage inspect scheduled -d ${worker}`
  if (retries > 0 || (message?.retries ?? 0) > 0 || result?.state === 'RETRY') {
    const why = result?.error === undefined ? '' : ` It failed: ${result.error}`
    const text = `${named(task)} is tried again ${due}, held by ${named(worker)}.${why}`
    return { code: 'RETRY_LATER', text, certainty: 'certain', evidence }
  }
  const text = `${named(task)} is due ${due}, held until then by ${named(worker)}.`
  return { code: 'DUE_LATER', text, certainty: 'certain', evidence }
}

function reserved(hand: HandFacts, { workers, nowMs }: Facts): Found[] {
  const { worker: name, task, ahead } = hand
  const worker = workers.find((one) => one.name === name)
  const rate = worker?.rates.get(task)
  const busy = isBusy(worker)
  const evidence = `lovage inspect reserved -d ${name}`
  const found: Found[] = []
  if (busy !== false || rate === undefined) {
    const first = ahead.filter(({ id }) => id !== '')
    const longest = first[0]?.sinceMs === undefined ? '' : `, the longest for ${lasting(nowMs - first[0].sinceMs)}`
    const before = first.length > 0 ? ` behind ${listed(first.map((one) => one.task))}${longest}` : ''
    const slots = worker?.slots === undefined ? '' : `; all of its ${counted(worker.slots, 'slot')} are taken`
    found.push({
      code: 'RESERVED_BEHIND',
      text: `${named(name)} has taken it from the queue, and it waits there for a slot${before}${busy ? slots : ''}.`,
      // A free slot is there, and it has none: it is about to start, or something that is not told holds it.
      certainty: busy === false ? 'likely' : 'certain',
      evidence,
    })
  }
  if (rate !== undefined) {
    found.push({
      code: 'RATE_LIMITED',
      text: `${named(name)} has it, and starts ${named(task)} no more often than ${rate}.`,
      certainty: busy === false ? 'certain' : 'likely',
      evidence: `lovage inspect registered rate_limit -d ${name}`,
      fix: `Raise the limit: \`lovage control rate_limit ${task} <rate>\`, 0 for none`,
    })
  }
  return found
}

/** Undefined: it does not tell. */
export function isBusy(worker: WorkerFacts | undefined): boolean | undefined {
  if (worker?.slots === undefined || worker.running === undefined) return undefined
  return worker.running >= worker.slots
}

function revoked({ revokedBy }: Facts, { worker }: HandFacts): Found[] {
  if (!revokedBy.includes(worker)) return []
  const text = `It was revoked: ${named(worker)} has it, and drops it instead of starting it.`
  return [{ code: 'REVOKED', text, certainty: 'certain', evidence: `lovage inspect revoked -d ${worker}` }]
}
