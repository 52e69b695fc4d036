import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand } from '../scripts/services.mjs'
import { startChild, type Child } from '../test/services/child.ts'
import { freePort } from '../test/services/ports.ts'
import { removeFolder, temporaryFolder } from '../test/services/reaper.ts'
import { cpuOfFamily } from './cpu.ts'

/** The folder with `initdb` and `postgres`; undefined where the machine has none. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []
  const onPath = findCommand('initdb')
  return [...versions, ...(onPath ? [join(onPath, '..')] : [])].find((bin) => existsSync(join(bin, 'initdb')))
}

/** A PostgreSQL of its own with the settings it comes with, fsync on among them. */
export class PostgresNode {
  readonly url: string
  readonly #folder: string
  readonly #server: Child

  private constructor(url: string, folder: string, server: Child) {
    this.url = url
    this.#folder = folder
    this.#server = server
  }

  static async start(bin: string): Promise<PostgresNode> {
    const folder = temporaryFolder('postgres')
    const data = join(folder, 'data')
    const port = await freePort()
    // It refuses to run as root.
    const isRoot = process.getuid?.() === 0
    const as = isRoot ? ['runuser', '-u', 'postgres', '--'] : []
    if (isRoot) chownSync(folder, Number(idOf('-u')), Number(idOf('-g')))
    const initdb = [...as, join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'bench', '--no-sync']
    const made = spawnSync(initdb[0] as string, initdb.slice(1), { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(`initdb failed:\n${made.stderr}`)
    const options = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`]
    const command = [...as, join(bin, 'postgres'), '-D', data, ...options]
    const server = startChild(command[0] as string, command.slice(1), { name: 'postgres' })
    await server.line('ready to accept connections', { timeoutMs: 30_000 })
    return new PostgresNode(`postgres://bench@127.0.0.1:${port}/postgres`, folder, server)
  }

  /** CPU time of all its processes so far, in microseconds; NaN where that cannot be seen. */
  cpu(): number {
    return cpuOfFamily(Number(readFileSync(join(this.#folder, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0]))
  }

  async remove(): Promise<void> {
    await this.#server.kill()
    removeFolder(this.#folder)
  }
}

function idOf(flag: '-u' | '-g'): string {
  return spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout
}
