import type { ServerConfig } from './configuration.ts'

/** What SUPERVISOR_SERVER_URL says: the socket if there is one, else the port. */
export function serverurlOf(servers: readonly ServerConfig[]): string | null {
  for (const server of servers) if (server.kind === 'unix') return `unix://${server.file}`
  for (const server of servers) if (server.kind === 'inet') return `http://${server.host || 'localhost'}:${server.port}`
  return null
}
