import { beat, crontab, every } from 'lovage/beat'
import { app, daily, forecast, index, send, sweep } from './tasks.ts'

export default beat(app, {
  'carts-sweep': every('15s', sweep.s(), { expires: 'next' }),
  'search-index': every('10s', index.s(7)),
  'stock-forecast': every('30s', forecast.s(4711)),
  'report-hourly': crontab('0 * * * *', daily.s('this hour', 2_000)),
  'report-nightly': crontab('30 2 * * *', daily.s('yesterday', 80_000), { timezone: 'Europe/Berlin' }),
  newsletter: crontab('0 9 * * mon-fri', send.s('all@shop.example', 'newsletter'), { timezone: 'Europe/Berlin' }),
  'invoices-monthly': crontab('15 4 1 * *', daily.s('the month', 400_000)),
})
