import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { HttpFaces } from '../../src/supervisor/http-faces.ts'
import type { Host } from '../../src/supervisor/hosts.ts'
import { startChild } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { PATIENCE } from './ctl-scene.ts'
import { supervise } from './supervised.ts'

export const SECRET = 's3:cret'
const WHO = `username=admin\npassword=${SECRET}\n`
const HASHED = `username=admin\npassword={SHA}${createHash('sha1').update(SECRET).digest('hex')}\n`
const PROGRAMS = [
  '[program:cat]\ncommand=cat\nstartsecs=0\n',
  '[program:manual]\ncommand=cat\nautostart=false\nstartsecs=0\n',
  '[program:pool]\ncommand=sh -c "echo hello from the pool; exec cat"\nstartsecs=0\nnumprocs=2\nprocess_name=pool_%(process_num)d\n',
].join('')
export const FRESH = '[program:fresh]\ncommand=cat\nstartsecs=0\n'

/** One host of a test. */
export interface Site extends Host {
  readonly isOurs: boolean
  /** Writes its configuration again, with these programs too. */
  write(more: string): void
  kill(): Promise<void>
}

/** Those that end in 2 are reached over TCP, and know the password only by its SHA-1. */
async function placeOf(name: string): Promise<{ url: string; server: string }> {
  if (name.endsWith('2')) {
    const address = `127.0.0.1:${await freePort()}`
    return { url: `http://${address}`, server: `[inet_http_server]\nport=${address}\n${HASHED}` }
  }
  const socket = join(temporaryFolder('host'), 's.sock')
  return { url: `unix://${socket}`, server: `[unix_http_server]\nfile=${socket}\n${WHO}` }
}

/** One of ours. */
export async function ours(name: string): Promise<Site> {
  const { url, server } = await placeOf(name)
  const text = `${PROGRAMS}${server}`
  const { supervisor, operator, write, until } = await supervise(text)
  const faces = new HttpFaces(supervisor.config.servers, operator)
  onTestFinished(() => faces.stop())
  await faces.start()
  await until('cat', 'RUNNING')
  const stop = (): Promise<void> => faces.stop()
  return { ...siteOf(name, url), isOurs: true, write: (more) => write(`${text}${more}`), kill: stop }
}

/** A supervisord. */
export async function theirs(name: string): Promise<Site> {
  const folder = temporaryFolder('host')
  const file = join(folder, 'supervisord.conf')
  const { url, server } = await placeOf(name)
  const write = (more: string): void => {
    const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\nuser=root\n`
    const rpc = `[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n`
    writeFileSync(file, `${own}${rpc}${server}${PROGRAMS}${more}`)
  }
  write('')
  const child = startChild('supervisord', ['-n', '-c', file], { cwd: folder })
  const kill = async (): Promise<void> => void (await child.kill())
  onTestFinished(kill)
  await child.line('success: pool_1 entered RUNNING state', PATIENCE)
  return { ...siteOf(name, url), isOurs: false, write, kill }
}

export function siteOf(name: string, url: string): Host {
  return { name, url, username: 'admin', password: SECRET, tags: [name.slice(0, 4)] }
}
