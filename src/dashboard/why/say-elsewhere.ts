import type { Facts, ScheduleEntry } from './facts.ts'
import type { Found } from './rank.ts'
import { readersOf, unread } from './say-queue.ts'
import { listed, moment, named } from './words.ts'

/** A tick that has not come by so much is late. */
const LATE_MS = 30_000

/** What follows where neither a worker that answers nor a queue has it. */
export function elsewhere(facts: Facts): Found[] {
  const { broker, hand, message, dead } = facts
  const planned = facts.schedules.map((entry) => scheduled(entry, facts))
  if (broker.problem) return [cutOff(facts), ...heardOf(facts), ...planned]
  if (hand || message || dead) return []
  return [...parent(facts), ...limited(facts), ...heldBySilent(facts), ...heardOf(facts), ...planned, ...noWay(facts)]
}

function cutOff({ broker: { url, problem } }: Facts): Found {
  const { code = '', text = '', fix = '' } = problem ?? {}
  const isRefused = code.endsWith('_REFUSED') || code === 'PUBLISH_TIMEOUT'
  const what = isRefused
    ? `The broker at ${url} takes nothing from us`
    : `What is asked for at ${url} cannot be reached`
  return {
    code: isRefused ? 'BROKER_REFUSED' : 'BROKER_UNREACHABLE',
    text: `${what}: ${text}`,
    certainty: 'certain',
    evidence: 'lovage doctor',
    fix,
  }
}

function parent({ parent: before }: Facts): Found[] {
  if (!before) return []
  const { id, task, where, at } = before
  const places = {
    queue: `waits in the queue ${named(at)}`,
    delayed: `waits for its time, for the queue ${named(at)}`,
    active: `runs on ${named(at)}`,
    reserved: `waits for a slot of ${named(at)}`,
    scheduled: `waits for its time with ${named(at)}`,
  }
  const text = `It is sent when ${named(task ?? 'the task')} ${named(id)} has ended, which ${places[where]}.`
  return [{ code: 'WAITING_FOR_PARENT', text, certainty: 'certain', evidence: `lovage why ${id}` }]
}

/** Python's workers tell nothing of a task that waits for its rate limit: it is in no queue, and in no hand. */
function limited({ task, workers, heard, result }: Facts): Found[] {
  if (task === undefined || result || (heard && !['PENDING', 'RECEIVED'].includes(heard.state))) return []
  const holders = workers.filter(({ isOurs, rates }) => !isOurs && rates.has(task))
  const [first] = holders
  if (!first) return []
  const who = listed(holders.map(({ name }) => name))
  const text = `It is in no queue, and ${who} start${holders.length === 1 ? 's' : ''} ${named(task)} no more often than ${first.rates.get(task)}: it waits there for its turn.`
  const evidence = `lovage inspect registered rate_limit -d ${first.name}`
  return [{ code: 'RATE_LIMITED', text, certainty: 'likely', evidence }]
}

/** A worker that does not answer must have it, or may. */
function heldBySilent(facts: Facts): Found[] {
  const { silent, queues, result, heard, nowMs } = facts
  const holder = silent.find(({ holds }) => holds)
  if (holder) {
    const started = result?.state === 'STARTED' ? result.atMs : heard?.startedMs
    const since = started === undefined ? '' : `, since ${moment(started, nowMs)}`
    if (holder.isConnected) {
      const text = `${named(holder.name)} has it${since}; it is connected to the broker, and does not answer.`
      return [{ code: 'WORKER_STALLED', text, certainty: 'certain', evidence: `lovage inspect ping -d ${holder.name}` }]
    }
    const how = holder.isConnected === false ? ' (it is gone, or takes no questions)' : ''
    const text = `${named(holder.name)} has begun it${since}, and does not answer${how}: it is unacknowledged, and comes again when the broker has given that worker up.`
    return [{ code: 'WORKER_SILENT', text, certainty: 'certain', evidence: `lovage inspect ping -d ${holder.name}` }]
  }
  // Somebody reads a queue of its, and does not answer: what is in no other place is with him.
  const found = queues.filter(({ name, isIts, consumers }) => isIts && consumers > readersOf(facts, name).length)
  if (found.length === 0) return []
  const text = `It is in no queue and with no worker that answers; ${listed(found.map(({ name }) => name))} ${found.length === 1 ? 'is' : 'are'} read by somebody who does not answer, and may have it.`
  return [{ code: 'WORKER_SILENT', text, certainty: 'likely', evidence: 'lovage status' }]
}

/** What its events, or an earlier result, say of it that nobody has. */
function heardOf(facts: Facts): Found[] {
  const { heard, result, nowMs } = facts
  const state = result?.state ?? heard?.state
  const error = result?.error ?? heard?.error
  if (state === 'RETRY') {
    const due =
      heard?.etaMs !== undefined && heard.etaMs > nowMs ? ` ${moment(heard.etaMs, nowMs)}` : ', when is not told'
    const text = `It failed${error === undefined ? '' : ` (${error})`} and is tried again${due}.`
    return [{ code: 'RETRY_LATER', text, certainty: 'likely', evidence: `lovage result ${facts.id}` }]
  }
  if (!heard) return []
  const { etaMs, expiresMs, queue: name, name: task } = heard
  if (state === 'STARTED') {
    const where = heard.worker === undefined ? '' : ` on ${named(heard.worker)}`
    const since = heard.startedMs === undefined ? '' : ` ${moment(heard.startedMs, nowMs)}`
    return [
      { code: 'RUNNING', text: `It started${where}${since}.`, certainty: 'likely', evidence: 'lovage inspect active' },
    ]
  }
  if (expiresMs !== undefined && expiresMs <= nowMs) {
    const text = `Its time to start ran out ${moment(expiresMs, nowMs)}, and no worker has had it: the broker drops such messages.`
    return [{ code: 'EXPIRED', text, certainty: 'likely', evidence: 'lovage events' }]
  }
  if (etaMs !== undefined && etaMs > nowMs) {
    const text = `${named(task ?? 'It')} is due ${moment(etaMs, nowMs)}, as its sender said.`
    return [{ code: 'DUE_LATER', text, certainty: 'likely', evidence: 'lovage events' }]
  }
  const queue = facts.queues.find((one) => one.name === name)
  if (!queue || !queue.isThere) return []
  const deep = queue.ready > queue.looked
  const text = `It was sent to ${named(queue.name)}, where ${queue.ready} wait${deep ? `; it is not among the first ${queue.looked}` : ''}.`
  const waits: Found[] = deep
    ? [{ code: 'WAITING_IN_QUEUE', text, certainty: 'likely', evidence: `lovage queues ${queue.name}` }]
    : []
  return [...unread(facts, queue, { task }).map((one): Found => ({ ...one, certainty: 'likely' })), ...waits]
}

/** The queue that it would be in takes it no more, or is not there. */
function noWay({ queues, result, heard }: Facts): Found[] {
  if (result || (heard && heard.state !== 'PENDING')) return []
  const found: Found[] = []
  for (const { name, isIts, isThere, isFull, ready } of queues) {
    if (!isIts) continue
    if (isFull) {
      const text = `${named(name)} is full with ${ready} and refuses more: who sent it was told so.`
      found.push({ code: 'QUEUE_FULL', text, certainty: 'likely', evidence: `lovage queues ${name}` })
    }
    if (!isThere) {
      const text = `There is no queue ${named(name)}.`
      found.push({ code: 'QUEUE_MISSING', text, certainty: 'likely', evidence: `lovage queues ${name}` })
    }
  }
  return found
}

function scheduled({ name, task, isPaused, isEnabled, nextMs }: ScheduleEntry, { nowMs }: Facts): Found {
  const what = `The schedule ${named(name)}, which sends ${named(task)},`
  const told = (code: Found['code'], text: string, fix?: string): Found => {
    return { code, text: `${what} ${text}`, certainty: 'certain', evidence: 'lovage beat list', ...(fix && { fix }) }
  }
  if (isPaused) return told('SCHEDULE_PAUSED', 'is paused.', `Let it go on: \`lovage beat resume ${name}\``)
  if (!isEnabled) return told('SCHEDULE_DISABLED', 'is not enabled.')
  if (nextMs === undefined) return told('SCHEDULE_LATER', 'has no tick to come.')
  if (nextMs < nowMs - LATE_MS)
    return told('SCHEDULE_LATE', `was due ${moment(nextMs, nowMs)}, and no beat has sent it.`)
  return told('SCHEDULE_LATER', `is due ${moment(nextMs, nowMs)}.`)
}
