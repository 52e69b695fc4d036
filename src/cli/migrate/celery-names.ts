import { rowOf } from './celery-settings.ts'

/** Names of before Celery 4 that follow no rule, in small letters. */
const IRREGULAR: Readonly<Record<string, string>> = {
  celery_max_cached_results: 'result_cache_max',
  celery_task_result_expires: 'result_expires',
  celery_result_dburi: 'database_url',
  celery_result_engine_options: 'database_engine_options',
  celery_result_db_short_lived_sessions: 'database_short_lived_sessions',
  celery_result_db_tablenames: 'database_table_names',
  celery_message_compression: 'task_compression',
  celery_eager_propagates_exceptions: 'task_eager_propagates',
  celery_send_task_sent_event: 'task_send_sent_event',
  celery_send_events: 'worker_send_task_events',
  celeryd_task_soft_time_limit: 'task_soft_time_limit',
  celeryd_task_time_limit: 'task_time_limit',
  celeryd_worker_lost_wait: 'worker_lost_wait',
  celery_disable_rate_limits: 'worker_disable_rate_limits',
  celery_enable_remote_control: 'worker_enable_remote_control',
  celery_redirect_stdouts: 'worker_redirect_stdouts',
  celery_redirect_stdouts_level: 'worker_redirect_stdouts_level',
}

/**
 * Celery's name of today of what a configuration calls `name`: old in capitals (`CELERYD_CONCURRENCY`), new, or either with
 * a prefix in front (`CELERY_BROKER_URL`). Undefined: it is no setting of Celery's.
 */
export function settingName(name: string, prefix?: string): string | undefined {
  const small = name.toLowerCase()
  if (prefix !== undefined) {
    const head = `${prefix.toLowerCase()}_`
    return small.startsWith(head) ? known(small.slice(head.length)) : undefined
  }
  if (name !== small && name !== name.toUpperCase()) return undefined
  return (
    known(small) ??
    IRREGULAR[small] ??
    after(small, 'celeryd_', ['worker_']) ??
    after(small, 'celerybeat_', ['beat_']) ??
    after(small, 'celery_', ['', 'task_', 'worker_'])
  )
}

function after(name: string, head: string, heads: readonly string[]): string | undefined {
  if (!name.startsWith(head)) return undefined
  return heads.map((each) => known(each + name.slice(head.length))).find((each) => each !== undefined)
}

function known(name: string): string | undefined {
  return rowOf(name) ? name : undefined
}
