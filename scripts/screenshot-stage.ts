import { FixtureServer } from '../test/web/fixture-server.ts'

/** A dashboard with something to show. */
export interface Stage {
  readonly url: string
  /** Which pages are worth a picture, by name. */
  readonly paths: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** The pages with the facts that tests are made with: an hour's traffic, without waiting for an hour. */
export async function openStage(folder: string): Promise<Stage> {
  const server = new FixtureServer(folder)
  server.insteadOfHarm = 'other'
  await server.start()
  const task = server.tasks.find(({ state }) => state === 'FAILURE') ?? server.tasks[0]
  return {
    url: server.url,
    paths: {
      overview: '/',
      tasks: '/tasks',
      task: `/tasks/${task?.id ?? ''}`,
      workers: '/workers',
      worker: '/workers/celery%40w2',
      queues: '/queues',
      queue: '/queues/mail',
      schedules: '/schedules',
      gateway: '/gateway',
      processes: '/processes',
      log: '/processes?view=host&q=web-02&log=web-02:mail:mail_03',
      audit: '/audit',
    },
    close: () => server.stop(),
  }
}
