import type { DashboardSources } from '../dashboard/dashboard.ts'
import type { Target } from './target.ts'

/**
 * What the dashboard shows of schedules, where there is a store that has them, and of hosts: those of a file, or of the
 * configuration.
 * @throws LovageError `SUPERVISOR_HOSTS_INVALID`
 */
export async function sourcesOf(
  { app, hosts: configured }: Pick<Target, 'app' | 'hosts'>,
  hostsFile?: string,
): Promise<DashboardSources> {
  const sources: { -readonly [Name in keyof DashboardSources]: DashboardSources[Name] } = {}
  if (app.settings.store !== undefined) {
    const { schedules } = await import('../beat/beat.ts')
    sources.schedules = schedules(app)
  }
  // Loaded where there are hosts: most starts are to be quick.
  const hosts = hostsFile === undefined ? configured : (await import('./read-hosts.ts')).readHosts(hostsFile)
  if (hosts.length > 0) {
    const [{ Hosts }, { hostSource }] = await Promise.all([
      import('../supervisor/hosts.ts'),
      import('./host-source.ts'),
    ])
    sources.hosts = hostSource(new Hosts(hosts))
  }
  return sources
}
