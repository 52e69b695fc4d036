import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedHome } from '../broker/open.ts'

/** The longest path that a Unix socket can be bound to everywhere. */
const LONGEST_SOCKET_PATH = 100

/** Where `lovage up` of a project keeps its files, and where it is spoken to. */
export interface UpHome {
  readonly folder: string
  readonly socket: string
}

/** In the data directory that embedded brokers have too. */
export function upHome(env: NodeJS.ProcessEnv = process.env): UpHome {
  const folder = join(embeddedHome('embedded://', env['LOVAGE_HOME']), 'supervisor')
  const socket = join(folder, 'up.sock')
  if (Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH) return { folder, socket }
  const short = createHash('sha1').update(folder).digest('hex').slice(0, 16)
  return { folder, socket: join(tmpdir(), `lovage-up-${short}.sock`) }
}
