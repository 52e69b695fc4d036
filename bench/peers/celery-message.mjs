// A task message as Celery would write it, for the peers that have no library for it: the same headers that Lovage sends.

/** Wraps an integer so that amqplib writes it as Celery does, in 32 bits. */
const int = (/** @type {number} */ value) => ({ '!': 'int', value })

const ID = '6a3c8c2e-9f0b-4b4a-9a57-0d3a6c1f7e11'

export const BODY = Buffer.from('[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]')

/**
 * @param {string} task
 * @param {{ id?: string, ignoreResult?: boolean }} [options]
 */
export function headersOf(task, { id = ID, ignoreResult = false } = {}) {
  return {
    lang: 'js',
    task,
    id,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: int(0),
    timelimit: [null, null],
    root_id: id,
    parent_id: null,
    argsrepr: '(2, 3)',
    kwargsrepr: '{}',
    origin: 'gen12345@host',
    ignore_result: ignoreResult,
    replaced_task_nesting: int(0),
    stamped_headers: null,
    stamps: {},
    'x-lovage-sent': { '!': 'long', value: 1_790_000_000_000 },
  }
}

/**
 * @param {string} task
 * @param {{ id?: string, replyTo?: string, ignoreResult?: boolean }} [options]
 */
export function publishOptions(task, { id = ID, replyTo, ignoreResult } = {}) {
  return {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 0,
    correlationId: id,
    ...(replyTo ? { replyTo } : {}),
    headers: headersOf(task, { id, ignoreResult }),
  }
}
