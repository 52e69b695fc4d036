// A task message as Celery would write it, for the peers that have no library for it: the same headers that Lovage sends.

const ID = '6a3c8c2e-9f0b-4b4a-9a57-0d3a6c1f7e11'

export const BODY = Buffer.from('[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]')

/**
 * @param {{ id?: string, ignoreResult?: boolean }} [options]
 */
export function headersOf({ id = ID, ignoreResult = false } = {}) {
  return {
    lang: 'js',
    task: 'bench.add',
    id,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: id,
    parent_id: null,
    argsrepr: '(2, 3)',
    kwargsrepr: '{}',
    origin: 'gen12345@host',
    ignore_result: ignoreResult,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
    'x-lovage-sent': 1_790_000_000_000,
  }
}

/** Wraps an integer so that amqplib writes it as Celery does. */
const typed = (/** @type {string} */ type, /** @type {number} */ value) => ({ '!': type, value })

/**
 * @param {{ id?: string, replyTo?: string, ignoreResult?: boolean }} [options]
 */
export function amqplibOptions({ id = ID, replyTo, ignoreResult } = {}) {
  return {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 0,
    correlationId: id,
    ...(replyTo ? { replyTo } : {}),
    headers: {
      ...headersOf({ id, ignoreResult }),
      retries: typed('int', 0),
      replaced_task_nesting: typed('int', 0),
      'x-lovage-sent': typed('long', 1_790_000_000_000),
    },
  }
}
