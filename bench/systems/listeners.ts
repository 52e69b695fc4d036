import { readFileSync, readlinkSync } from 'node:fs'
import { namesIn } from '../cpu.ts'

/** State of a TCP socket that takes connections, in /proc/net/tcp. */
const LISTENING = '0A'

/** The processes that take connections on that port of this machine; none on machines without /proc. */
export function listenersOn(port: number): number[] {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => socketsOn(file, port)))
  if (sockets.size === 0) return []
  return namesIn('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && namesIn(`/proc/${pid}/fd`).some((fd) => sockets.has(linkOf(`/proc/${pid}/fd/${fd}`))))
}

/** What the file descriptors of listening sockets link to. */
function socketsOn(file: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/))
  return rows
    .filter(([, local, , state]) => local?.endsWith(wanted) && state === LISTENING)
    .map(([, , , , , , , , , inode]) => `socket:[${inode}]`)
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
