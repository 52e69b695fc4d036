import { gateway } from 'lovage/gateway'
import { app, daily, index, place, quote, resize, type Order } from './tasks.ts'

export default gateway(app, { timeout: '5s' })
  .get('/orders/:number/price', quote, { args: ({ params }) => [Number(params.number)] })
  .post('/orders', place, { args: ({ body }) => [body as Order] })
  .get('/images/:name', resize, { args: ({ params }) => [params.name, 640], timeout: '1s' })
  .post('/search/:product', index, { args: ({ params }) => [Number(params.product)], reply: 'accept' })
  .get('/reports/:day', daily, { args: ({ params }) => [params.day, 500], timeout: '900ms', limit: { concurrency: 3 } })
