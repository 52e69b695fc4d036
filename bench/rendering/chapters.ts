/** In which order the report has the cases. One that is not here comes after them. */
export const CHAPTERS: readonly { readonly title: string; readonly cases: readonly string[] }[] = [
  { title: 'Sending', cases: ['enqueue', 'redis-enqueue'] },
  { title: 'Running', cases: ['drain', 'redis-drain', 'embedded', 'celery-pools', 'pools', 'celery-node', 'pg-boss'] },
  { title: 'There and back', cases: ['round-trip', 'latency', 'redis-round-trip', 'client'] },
  { title: 'Over HTTP', cases: ['gateway', 'gateway-sleeping', 'gateway-tornado'] },
  { title: 'Tasks that sleep', cases: ['sleepers', 'sleepers-pools'] },
  { title: 'When things grow, and when they break', cases: ['growth', 'recovery', 'canvas'] },
  { title: 'What it weighs', cases: ['memory', 'start-up', 'install'] },
  { title: 'Where the time of a task goes, and where many workers end', cases: ['profile', 'rabbitmq-costs', 'model'] },
  { title: 'Beside the tasks', cases: ['supervisor', 'dashboard-ingest', 'due-heap'] },
]
