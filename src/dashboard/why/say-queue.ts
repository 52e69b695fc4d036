import type { Facts, MessageFacts, QueueFacts, WorkerFacts } from './facts.ts'
import type { Found } from './rank.ts'
import { isBusy } from './say-hand.ts'
import { counted, listed, moment, named } from './words.ts'

/** What follows where its message waits with the broker. */
export function inQueue(facts: Facts): Found[] {
  const { message, hand, nowMs } = facts
  if (!message || hand) return []
  const found = [...dropped(facts, message)]
  const { ahead, etaMs, retries, task } = message
  const isLater = etaMs !== undefined && etaMs > nowMs
  if (ahead === undefined || isLater) {
    const due = etaMs === undefined ? 'later' : moment(etaMs, nowMs)
    const what = task === undefined ? 'It' : named(task)
    const where =
      ahead === undefined ? `The broker keeps it for ${named(message.queue)}` : `It is in ${named(message.queue)}`
    const why = facts.result?.error === undefined || retries === 0 ? '' : ` It failed: ${facts.result.error}`
    found.push({
      code: retries > 0 ? 'RETRY_LATER' : 'DUE_LATER',
      text: retries > 0 ? `${what} is tried again ${due}. ${where}.${why}` : `${what} is due ${due}. ${where}.`,
      certainty: 'certain',
      evidence: 'lovage queues',
    })
  }
  const queue = facts.queues.find(({ name }) => name === message.queue)
  if (queue) found.push(...unread(facts, queue, message))
  if (queue && ahead !== undefined && !isLater) found.push(...waits(facts, queue, message, ahead))
  return found
}

/** It will be dropped, when somebody reads it. */
function dropped({ revokedBy, nowMs }: Facts, { expiresMs }: MessageFacts): Found[] {
  const found: Found[] = []
  if (revokedBy.length > 0) {
    const text = `It was revoked, and waits still: ${listed(revokedBy)} will drop it instead of starting it.`
    found.push({ code: 'REVOKED', text, certainty: 'certain', evidence: 'lovage inspect revoked' })
  }
  if (expiresMs !== undefined && expiresMs <= nowMs) {
    const text = `Its time to start ran out ${moment(expiresMs, nowMs)}; it waits still, and who reads it drops it.`
    found.push({ code: 'EXPIRED', text, certainty: 'certain', evidence: 'lovage queues' })
  }
  return found
}

/** Workers that answered and read the queue. */
export function readersOf({ workers }: Facts, queue: string): readonly WorkerFacts[] {
  return workers.filter(({ queues }) => queues.includes(queue))
}

/** Nobody reads it, or nobody who could run it. */
export function unread(facts: Facts, { name, consumers }: QueueFacts, message: Partial<MessageFacts>): Found[] {
  const readers = readersOf(facts, name)
  const waiting = message.ahead === undefined ? '' : ', in which it waits'
  if (readers.length > 0) {
    const { task } = message
    if (task === undefined || readers.some(({ tasks }) => tasks === undefined || tasks.has(task))) return []
    // One that does not answer may know it.
    const certainty = consumers > readers.length ? 'likely' : 'certain'
    const who = readers.map((reader) => reader.name)
    const text = `${listed(who)} read${who.length === 1 ? 's' : ''} ${named(name)}, and none has a task ${named(task)}.`
    return [{ code: 'NO_WORKER_KNOWS_TASK', text, certainty, evidence: 'lovage inspect registered' }]
  }
  if (consumers > 0) {
    const text = `${counted(consumers, 'consumer')} read${consumers === 1 ? 's' : ''} ${named(name)}${waiting}, and no worker that reads it answers.`
    return [{ code: 'WORKER_SILENT', text, certainty: 'certain', evidence: 'lovage status' }]
  }
  const paused = facts.workers.filter((one) => one.paused.includes(name))
  const fix = `\`lovage control add_consumer ${name}\``
  if (paused.length > 0) {
    const who = listed(paused.map((one) => one.name))
    const text = `Nobody reads ${named(name)}${waiting}: ${who} did, and ${paused.length === 1 ? 'was' : 'were'} told to read it no more.`
    const evidence = 'lovage inspect active_queues'
    return [{ code: 'QUEUE_PAUSED', text, certainty: 'certain', evidence, fix: `Have it read again: ${fix}` }]
  }
  const others = facts.workers.length
  const there =
    others > 0 ? ` ${counted(others, 'worker')} answer${others === 1 ? 's' : ''}, and read other queues.` : ''
  return [
    {
      code: 'NO_WORKER_READS_QUEUE',
      text: `No worker reads ${named(name)}${waiting}.${there}`,
      certainty: 'certain',
      evidence: `lovage queues ${name}`,
      fix: `Start a worker with \`-Q ${name}\`${others > 0 ? `, or have one read it too: ${fix}` : ''}`,
    },
  ]
}

function waits(facts: Facts, { name, consumers }: QueueFacts, { task }: MessageFacts, ahead: number): Found[] {
  const readers = readersOf(facts, name)
  const what = task === undefined ? '' : ` (${named(task)})`
  const busy = readers.length > 0 && readers.every((reader) => isBusy(reader) === true)
  const found: Found[] = []
  if (busy) {
    const slots = readers.reduce((sum, reader) => sum + (reader.slots ?? 0), 0)
    const text = `${ahead === 0 ? `It is the next in ${named(name)}, and` : 'And'} all ${counted(slots, 'slot')} of ${listed(readers.map((reader) => reader.name))} are busy.`
    const certainty = ahead === 0 && consumers <= readers.length ? 'certain' : 'likely'
    found.push({ code: 'SLOTS_BUSY', text, certainty, evidence: 'lovage inspect active' })
  }
  const text =
    ahead === 0
      ? `It is the first in ${named(name)}${what}: who reads it takes it next.`
      : `It waits in ${named(name)}${what} behind ${counted(ahead, 'other task')}.`
  return [...found, { code: 'WAITING_IN_QUEUE', text, certainty: 'certain', evidence: `lovage queues ${name}` }]
}
