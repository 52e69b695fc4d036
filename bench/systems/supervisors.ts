import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../../test/services/child.ts'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const PATIENCE = { timeoutMs: 120_000 }

export type SupervisorKind = 'lovage' | 'supervisord'

/** A supervisor with so many programs that sleep, and one connection to its socket that is kept. */
export class SupervisorSystem {
  readonly pid: number
  readonly #child: Child
  readonly #folder: string
  readonly #socket: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  private constructor(child: Child, folder: string, socket: string) {
    this.#child = child
    this.#folder = folder
    this.#socket = socket
    this.pid = child.pid
  }

  /** Resolves when all programs are RUNNING. */
  static async start(kind: SupervisorKind, programs: number): Promise<SupervisorSystem> {
    const folder = temporaryFolder(`bench-${kind}`)
    const [file, socket] = [join(folder, 'supervisord.conf'), join(folder, 's.sock')]
    mkdirSync(join(folder, 'logs'))
    const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}/logs\nuser=root\n`
    const rpc = `[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n`
    // Without a time to stay up, what is measured is the supervisor's work alone.
    const each = Array.from({ length: programs }, (_, i) => {
      return `[program:p${String(i).padStart(3, '0')}]\ncommand=sleep 1000000\nstartsecs=0\nautorestart=true\n`
    })
    writeFileSync(file, `${own}${rpc}[unix_http_server]\nfile=${socket}\n${each.join('')}`)
    const args = ['-n', '-c', file]
    const child =
      kind === 'lovage'
        ? startChild(process.execPath, [MAIN, 'supervise', ...args], { name: kind, cwd: folder })
        : startChild('supervisord', args, { name: kind, cwd: folder })
    await child.line(`success: p${String(programs - 1).padStart(3, '0')} entered RUNNING`, PATIENCE)
    return new SupervisorSystem(child, folder, socket)
  }

  /** Calls a method of `supervisor.` and gives the answer as it comes. */
  call(method: string, ...params: readonly string[]): Promise<string> {
    const values = params.map((param) => `<param><value><string>${param}</string></value></param>`).join('')
    const body = `<?xml version='1.0'?><methodCall><methodName>supervisor.${method}</methodName><params>${values}</params></methodCall>`
    const headers = { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) }
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socket, path: '/RPC2', method: 'POST', headers, agent: this.#agent }
      const asked = request(options, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (response.statusCode === 200 && !text.includes('<fault>')) return resolve(text)
          reject(new Error(`${method}: ${response.statusCode} ${text.slice(0, 500)}`))
        })
      })
      asked.once('error', reject)
      asked.end(body)
    })
  }

  /** Milliseconds that one call took. */
  async timeOf(method: string): Promise<number> {
    const from = performance.now()
    await this.call(method)
    return performance.now() - from
  }

  /** Milliseconds from the SIGKILL of a program until it has been started again. */
  async respawnOf(program: string): Promise<number> {
    const answer = await this.call('getProcessInfo', program)
    const [, pid] = /<name>pid<\/name>\s*<value><int>(\d+)</.exec(answer) ?? []
    if (pid === undefined || pid === '0') throw new Error(`${program} does not run`)
    const from = this.#child.lines.length
    const killed = performance.now()
    process.kill(Number(pid), 'SIGKILL')
    await this.#child.line(`spawned: '${program}' with pid`, { from, ...PATIENCE })
    return performance.now() - killed
  }

  /** What it holds of the machine's memory, in MiB: all, and what is its own alone. */
  memory(): { rss: number; own: number } {
    const text = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8')
    const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? NaN) / 1_024
    return { rss: of('Rss'), own: of('Private_Clean') + of('Private_Dirty') }
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    await this.#child.stop({ graceMs: 60_000 })
    removeFolder(this.#folder)
  }
}
