import { once } from 'node:events'
import { chmod, chown, lstat, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { LovageError, messageOf } from '../base/errors.ts'
import type { ServerConfig, UnixServerConfig } from './configuration.ts'

/**
 * Has a server listen where its section says.
 * @throws LovageError `SUPERVISOR_CANNOT_LISTEN`
 */
export async function listenOn(server: Server, config: ServerConfig): Promise<void> {
  try {
    if (config.kind === 'unix') return await listenOnSocket(server, config)
    // supervisord's own meaning of no address; with '::' machines without IPv6 would be left out.
    server.listen({ host: config.host === '' ? '0.0.0.0' : config.host, port: config.port })
    await once(server, 'listening')
  } catch (error) {
    throw cannot(error, config)
  }
}

async function listenOnSocket(server: Server, { file, chmod: mode, chown: owner }: UnixServerConfig): Promise<void> {
  await removeLeft(file)
  // Nobody else may come before the mode is set. The socket is made before this turn ends.
  const umask = process.umask(0o177)
  try {
    server.listen({ path: file })
  } finally {
    process.umask(umask)
  }
  await once(server, 'listening')
  if (owner[0] !== -1 || owner[1] !== -1) await chown(file, ...owner)
  await chmod(file, mode)
}

/** A socket that nobody listens on is what a supervisor left that was killed. */
async function removeLeft(file: string): Promise<void> {
  const found = await lstat(file).catch(() => undefined)
  if (!found) return
  if (!found.isSocket() || (await isListening(file))) {
    throw Object.assign(new Error(found.isSocket() ? 'it is in use' : 'it is no socket'), { code: 'EADDRINUSE' })
  }
  await rm(file, { force: true })
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

function cannot(error: unknown, config: ServerConfig): LovageError {
  const where = config.kind === 'unix' ? config.file : `${config.host || '*'}:${config.port}`
  const isTaken = (error as { code?: string }).code === 'EADDRINUSE'
  const option = config.kind === 'unix' ? 'file' : 'port'
  const fix = isTaken
    ? `End what has it, which may be a supervisor that runs already, or choose another with ${option}=`
    : `Correct ${option}= in [${config.section}], or the permissions there`
  const problem = messageOf(error)
  return new LovageError('SUPERVISOR_CANNOT_LISTEN', { section: config.section, where, problem, fix }, { cause: error })
}
