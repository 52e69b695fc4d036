import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Lowest port handed out; below live the well-known services. */
const LOWEST = 10_240

/** Handed out by this process, or found taken. */
const seen = new Set<number>()

/**
 * `count` ports of 127.0.0.1 that nobody holds now, all different. None is of those that the kernel gives to outgoing
 * connections: one of these may be taken again before the server that it is meant for has started, or starts again. For
 * the same reason each is claimed: no other process is given it by this function as long as this one lives.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = firstOfOutgoing()
  const ports: number[] = []
  while (ports.length < count) {
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST))
    if (seen.has(port)) continue
    seen.add(port)
    if ((await claimPort(port)) && (await isFree(port))) ports.push(port)
  }
  return ports
}

/** One such port. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number
}

/**
 * Whether a port is this process's from now on, until it ends. The sign of it is a name among Linux's abstract sockets,
 * which go with their process, and are shared by those who share ports. Elsewhere nobody is kept from the port.
 */
export function claimPort(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    const claim = createServer().unref()
    claim.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    claim.listen({ path: `\0lovage-test-port-${port}` }, () => resolve(true))
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function firstOfOutgoing(): number {
  const usual = 32_768
  try {
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0])
    return first > LOWEST + 1_000 ? first : usual
  } catch {
    return usual
  }
}
