// Cuts a proxied connection in the moment in which one side's end is passed on. The process is to end by itself then.
import { connect, createServer, type AddressInfo, Socket } from 'node:net'
import { TcpProxy } from './tcp-proxy.ts'

const server = createServer((socket) => socket.on('error', () => {}))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const proxy = await TcpProxy.start({ port: (server.address() as AddressInfo).port })
const client = connect(proxy.port, '127.0.0.1')
client.on('error', () => {})
await proxy.connectionNumber(1)

const end = Socket.prototype.end
const cut = new Promise<void>((resolve) => {
  Socket.prototype.end = function (this: Socket, ...args: Parameters<typeof end>) {
    const ended = end.apply(this, args)
    // The client's own end comes first, the one that the proxy passes on second.
    if (this !== client) {
      process.nextTick(() => {
        proxy.cut()
        resolve()
      })
    }
    return ended
  } as typeof end
})
client.end()
await cut
await proxy.stop()
server.close()
console.log('cut')
