import { gateway } from 'lovage/gateway'
import { add, app, lookup, report } from './tasks.ts'

export default gateway(app)
  // The result is waited for: {"results":3}
  .get('/add', add, { args: ({ query }) => [Number(query['x']), Number(query['y'])] })
  // Too slow to wait for: 202 at once, and the result later at the Location.
  .get('/report', report, { reply: 'accept', args: ({ query }) => [Number(query['pages'] ?? 10)] })
  .post('/report', report, { reply: 'accept', args: ({ query }) => [Number(query['pages'] ?? 10)] })
  // Waited for as well, some seconds long; nobody else waits because of it.
  .get('/lookup', lookup, { args: ({ query }) => [String(query['key'] ?? 'anything')] })
  // No task at all: the gateway answers by itself, however many wait for lookups.
  .handle('GET', '/i_want_you_now', () => ({ results: 'here I am' }))
