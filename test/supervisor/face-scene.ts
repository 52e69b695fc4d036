import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { HttpFaces } from '../../src/supervisor/http-faces.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { supervise, type Supervised } from './supervised.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A supervisor with its faces on TCP and a socket, behind a password. */
export interface FaceScene extends Supervised {
  readonly port: number
  readonly socket: string
  readonly faces: HttpFaces
  open(path: string, asked?: Asked & { over?: 'tcp' | 'socket' }): Promise<IncomingMessage>
  status(path: string, asked?: Asked & { over?: 'tcp' | 'socket' }): Promise<number | undefined>
}

export const RIGHT = { authorization: `Basic ${Buffer.from('admin:s3:cret').toString('base64')}` }

/** Starts one; it is stopped after the test. */
export async function faceScene(programs = '[program:cat]\ncommand=cat\nstartsecs=0\n', inet = ''): Promise<FaceScene> {
  const socket = join(temporaryFolder('face'), 's.sock')
  const port = await freePort()
  const who = 'username=admin\npassword=s3:cret\n'
  const servers = `[inet_http_server]\nport=127.0.0.1:${port}\n${who}${inet}[unix_http_server]\nfile=${socket}\n${who}`
  const supervised = await supervise(`${programs}${servers}`)
  const faces = new HttpFaces(supervised.supervisor.config.servers, supervised.operator)
  onTestFinished(() => faces.stop())
  await faces.start()
  const open: FaceScene['open'] = async (path, { method = 'GET', headers = RIGHT, body, over = 'tcp' } = {}) => {
    const where = over === 'tcp' ? { host: '127.0.0.1', port } : { socketPath: socket }
    const asked = request({ ...where, path, method, headers, agent: false })
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    // Who is cut off by a server that stops may see a reset; what it has read is what counts.
    asked.on('error', () => {})
    onTestFinished(() => void response.destroy())
    return response
  }
  const status: FaceScene['status'] = async (path, asked) => {
    const response = await open(path, asked)
    response.destroy()
    return response.statusCode
  }
  return { ...supervised, port, socket, faces, open, status }
}
