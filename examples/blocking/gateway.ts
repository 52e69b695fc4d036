import { gateway } from 'lovage/gateway'
import { app, query, querySlowly } from './tasks.ts'

export default gateway(app, { timeout: '60s' })
  // The naive way: the query runs where all requests are answered, and all of them wait for it.
  .handle('GET', '/naive', ({ query: { key } }) => ({ results: querySlowly(String(key)) }))
  // The same as a task: the request waits, and nobody else does.
  .get('/query', query, { args: ({ query: { key } }) => [String(key)] })
  .handle('GET', '/i_want_you_now', () => ({ results: 'here I am' }))
