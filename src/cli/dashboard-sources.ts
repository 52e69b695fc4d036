import { LovageError } from '../base/errors.ts'
import type { App } from '../app/app.ts'
import type { DashboardSources, HostSource } from '../dashboard/dashboard.ts'

/** Longest wait for the answer of one host: the pages show the others meanwhile. */
const TIMEOUT_MS = 5_000

/**
 * What the dashboard shows of schedules, where there is a store that has them, and of the hosts of a file.
 * @throws LovageError `SUPERVISOR_HOSTS_INVALID`
 */
export async function sourcesOf(app: App, hostsFile: string | undefined): Promise<DashboardSources> {
  const hosts = hostsFile === undefined ? undefined : await hostSource(hostsFile)
  if (app.settings.store === undefined) return { hosts }
  const { schedules } = await import('../beat/beat.ts')
  return { schedules: schedules(app), hosts }
}

async function hostSource(file: string): Promise<HostSource> {
  // Loaded where there are hosts: most starts are to be quick.
  const [{ readHosts }, { Hosts }, { RpcClient }, { CTL_EXIT }] = await Promise.all([
    import('./read-hosts.ts'),
    import('../supervisor/hosts.ts'),
    import('../supervisor/rpc-client.ts'),
    import('../supervisor/ctl-session.ts'),
  ])
  const all = readHosts(file)
  const hosts = new Hosts(all, { timeoutMs: TIMEOUT_MS })
  return {
    hosts: all.map(({ name, tags }) => ({ name, tags })),
    status: () => hosts.status(),
    async *run(verb, names) {
      for await (const { host, name, text, exitCode } of hosts.run(verb, names)) {
        yield { host, ...(name !== undefined && { name }), text, isError: exitCode !== CTL_EXIT.done }
      }
    },
    async tail(host, process, channel, offset, length) {
      const known = all.find(({ name }) => name === host)
      if (!known) throw new LovageError('DASHBOARD_UNKNOWN', { what: 'host', name: host })
      const { url, username = null, password = null } = known
      const client = new RpcClient({ url, username, password, timeoutMs: TIMEOUT_MS })
      const method = channel === 'stdout' ? 'tailProcessStdoutLog' : 'tailProcessStderrLog'
      const [text, end, overflow] = await client.call<[string, number, boolean]>(method, process, offset, length)
      return { text, offset: end, overflow }
    },
  }
}
