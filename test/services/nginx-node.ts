import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand } from '../../scripts/services.mjs'
import { startChild, type Child } from './child.ts'
import { freePort } from './ports.ts'
import { removeFolder, temporaryFolder } from './reaper.ts'

/** An nginx of the test's own, in front of servers on this machine. */
export class NginxNode {
  readonly port: number
  readonly #folder: string
  readonly #server: Child

  private constructor(port: number, folder: string, server: Child) {
    this.port = port
    this.#folder = folder
    this.#server = server
  }

  /**
   * Starts one in front of `ports`, in turn.
   * @param more Lines for its `location /`.
   */
  static start(ports: readonly number[], more: readonly string[] = []): Promise<NginxNode> {
    return NginxNode.serve((port) => inFrontOf(port, ports, more))
  }

  /** Starts one with what `http` makes for the port it gets: the inside of its `http {}`. */
  static async serve(http: (port: number) => string): Promise<NginxNode> {
    const command = findCommand('nginx')
    if (!command) throw new Error('There is no nginx on this machine; ask available("nginx") first')
    const port = await freePort()
    const folder = temporaryFolder('nginx')
    mkdirSync(join(folder, 'logs'))
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, configuration(folder, http(port)))
    const server = startChild(command, ['-p', folder, '-c', file, '-e', 'stderr'], { name: 'nginx' })
    await server.line('start worker process', { timeoutMs: 60_000 })
    return new NginxNode(port, folder, server)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async remove(): Promise<void> {
    await this.#server.kill()
    removeFolder(this.#folder)
  }
}

function configuration(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr notice;
events { worker_connections 2048; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  ${http}
}
`
}

function inFrontOf(port: number, ports: readonly number[], more: readonly string[]): string {
  return `
  upstream gateways {
    ${ports.map((at) => `server 127.0.0.1:${at} max_fails=0;`).join('\n    ')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      ${more.join('\n      ')}
    }
  }
`
}
