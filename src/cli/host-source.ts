import type { HostSource } from '../dashboard/sources.ts'
import { CTL_EXIT } from '../supervisor/ctl-session.ts'
import type { Hosts } from '../supervisor/hosts.ts'

/** Many supervisors, as the dashboard asks for them. */
export function hostSource(hosts: Hosts): HostSource {
  return {
    hosts: hosts.hosts,
    status: () => hosts.status(),
    async *run(verb, names) {
      for await (const { host, name, text, exitCode } of hosts.run(verb, names)) {
        yield { host, ...(name !== undefined && { name }), text, isError: exitCode !== CTL_EXIT.done }
      }
    },
    tail: (...what) => hosts.tail(...what),
  }
}
