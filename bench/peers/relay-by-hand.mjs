// A relay written by hand: Fastify and a client, nothing else. argv: amqplib or bare, url, queue.
import Fastify from 'fastify'

const [who = '', url = '', queue = ''] = process.argv.slice(2)
// It holds only what it needs.
const caller =
  who === 'bare'
    ? await (await import('./bare-caller.mjs')).bareCaller(url, queue)
    : await (await import('./amqplib-caller.mjs')).amqplibCaller(url, queue)
const server = Fastify()
server.get('/add', async () => ({ results: await caller.call() }))
await server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 })
const address = server.server.address()
process.send?.({ port: typeof address === 'object' ? address?.port : 0 })
process.on('disconnect', () => process.exit(0))
