/** Settings of Celery that one answer holds for: the first column and the second of the page "Coming from Celery". */
export interface SettingRow {
  /** Celery's names of today; `redis_*` is all that begin so. */
  readonly names: readonly string[]
  /** What there is here, in Markdown. */
  readonly here: string
}

const ROWS: readonly (readonly [names: string, here: string])[] = [
  ['broker_url', '`broker`, `LOVAGE_BROKER_URL`'],
  [
    'result_backend',
    '`backend`, `LOVAGE_RESULT_BACKEND`: `rpc://` (also for `amqp://`), `redis://`, `embedded://`, `memory://`',
  ],
  [
    'broker_transport_options result_backend_transport_options redis_* broker_use_ssl broker_login_method broker_heartbeat',
    'parameters of the URL (`amqps://`, `rediss://` for TLS): [Redis](guide-redis.md)',
  ],
  ['broker_connection_timeout', '`connectTimeout`'],
  [
    'broker_connection_retry broker_connection_max_retries broker_heartbeat_checkrate result_backend_always_retry result_backend_max_retries result_backend_max_sleep_between_retries_ms result_backend_base_sleep_between_retries_ms',
    'always: a lost connection is made again, with growing pauses, until it is stopped',
  ],
  ['broker_host broker_port broker_user broker_password broker_vhost broker_transport', 'parts of the URL'],
  [
    'broker_read_url broker_write_url broker_failover_strategy broker_pool_limit',
    'not there: one broker, one connection',
  ],
  ['accept_content', '`acceptContent`'],
  ['result_accept_content', '`resultAcceptContent`'],
  ['result_serializer', '`resultSerializer`'],
  [
    'result_compression',
    'not there: Celery does not pack results either; what 5.2 packs by it, by mistake, are tasks: `taskCompression`',
  ],
  [
    'result_extended result_cache_max result_exchange result_exchange_type',
    'not there: over `rpc://` results come to the caller, in Redis they are records',
  ],
  ['result_expires', '`resultExpires`'],
  ['result_persistent', '`resultPersistent`, on by default'],
  ['result_chord_*', 'not there: chords do not poll'],
  [
    'enable_utc timezone',
    '`enableUtc`, `timezone`, for times that do not say their own; what is sent is UTC and says so',
  ],
  ['imports include', '`tasks` of `lovage.config.ts`, `-I`'],
  ['beat_schedule', 'entries of [`beat`](guide-beat.md)'],
  [
    'beat_scheduler beat_schedule_filename beat_sync_every',
    'not there: what a beat knows is in the [store](guide-store.md), which all beats share',
  ],
  ['beat_max_loop_interval', 'not there: a change of the schedule wakes all beats'],
  [
    'cache_* cassandra_* s3_* azureblockblob_* couchbase_* arangodb_* mongodb_* cosmosdbsql_* elasticsearch_* database_*',
    'not there: results are kept in Redis, or travel over `rpc://`',
  ],
  ['control_*', 'not there: remote control has what Celery has by default'],
  ['event_*', "not there: names and times are Celery's defaults"],
  ['task_send_sent_event', '`sendSentEvent`'],
  ['worker_send_task_events', '`events` of `worker`'],
  ['security_*', 'not there: the auth serializer will never be'],
  ['task_acks_late', '`acksLate`, of the settings or the task; true is the default'],
  [
    'task_acks_on_failure_or_timeout task_reject_on_worker_lost worker_lost_wait',
    'always: see [semantics](semantics.md)',
  ],
  [
    'task_always_eager task_eager_propagates task_store_eager_result',
    'in tests: `runTask` of [`lovage/testing`](guide-testing.md), or call the task as a function',
  ],
  ['task_annotations', 'not there: options of the task'],
  ['task_compression', '`taskCompression`, or `compression` of the task'],
  ['task_create_missing_queues', '`createMissingQueues`'],
  ['task_inherit_parent_priority', 'not there: `priority` of the call'],
  ['task_default_delivery_mode', '`defaultDeliveryMode`'],
  ['task_default_queue', "`defaultQueue` (`'celery'`, as there)"],
  [
    'task_default_exchange task_default_exchange_type task_default_routing_key task_queues',
    '`defaultExchange`, `defaultExchangeType`, `defaultRoutingKey`, [`queues`](guide-routing.md)',
  ],
  ['task_default_rate_limit', 'not there: `rateLimit` of the task'],
  ['task_default_priority', '`defaultPriority`; [routes win over it](guide-routing.md#routes)'],
  ['task_ignore_result', '`ignoreResult` of the task'],
  ['task_protocol', '2 is sent, 1 and 2 are read'],
  [
    'task_publish_retry task_publish_retry_policy',
    '`publishTimeout`: a publish is tried again until then, with pauses of our own',
  ],
  ['task_queue_max_priority', '`queueMaxPriority`'],
  ['task_remote_tracebacks', 'always: a `TaskError` has the `traceback`'],
  ['task_routes', '`routes`'],
  ['task_serializer', '`taskSerializer`, or `serializer` of the task'],
  ['task_soft_time_limit task_time_limit', '`softTimeLimit`, `timeLimit` of `worker` or the task'],
  ['task_store_errors_even_if_ignored', 'not there: `taskFailure` of `app.on` tells of them'],
  ['task_track_started', '`trackStarted` of the task'],
  ['worker_agent worker_consumer worker_timer worker_timer_precision worker_pool_putlocks worker_direct', 'not there'],
  ['worker_autoscaler', 'not there: its ways are [fixed](guide-worker.md)'],
  [
    'worker_cancel_long_running_tasks_on_connection_loss worker_deduplicate_successful_tasks',
    'always the safe way: what runs goes on, and a message that comes back to its worker is not started twice',
  ],
  ['worker_concurrency', '`concurrency` of `worker`'],
  ['worker_disable_rate_limits', '`disableRateLimits` of `worker`'],
  ['worker_enable_remote_control', '`remoteControl` of `worker`'],
  [
    'worker_hijack_root_logger worker_log_color worker_log_format worker_task_log_format worker_redirect_*',
    '`--log-format`, `onLog`; `NO_COLOR`',
  ],
  [
    'worker_max_memory_per_child worker_max_tasks_per_child',
    '`maxMemoryPerChild` (bytes), `maxTasksPerChild` of `worker`',
  ],
  ['worker_pool', '`pool` of `worker` or the task'],
  ['worker_pool_restarts', '`poolRestarts` of `worker`; SIGHUP [reloads](guide-worker.md#reload)'],
  ['worker_proc_alive_timeout', 'not there: a child has a minute to load its tasks'],
  ['worker_prefetch_multiplier', '`prefetchMultiplier` of `worker`'],
  ['worker_state_db', 'not there'],
]

/**
 * Every setting of Celery 5.2, and what it is here. The page shows this table, a test holds the two equal, and
 * `lovage migrate` goes by it.
 */
export const CELERY_SETTINGS: readonly SettingRow[] = ROWS.map(([names, here]) => ({ names: names.split(' '), here }))

/** The row of a setting, by Celery's name of today. */
export function rowOf(name: string): SettingRow | undefined {
  const isIt = (known: string): boolean =>
    known === name || (known.endsWith('*') && name.startsWith(known.slice(0, -1)))
  return CELERY_SETTINGS.find(({ names }) => names.some(isIt))
}

/** Markdown of a row without its links. */
export function plainText(here: string): string {
  return here.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
}
