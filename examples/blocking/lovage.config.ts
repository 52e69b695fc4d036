import { defineConfig } from 'lovage/config'

export default defineConfig({
  app: './tasks.ts',
  processes: {
    gateway: { run: 'gateway', module: './gateway.ts' },
    worker: { run: 'worker', concurrency: 10, pool: 'processes' },
  },
  tryIt: [
    {
      command: "curl '{url}/query?key=a' & curl {url}/i_want_you_now",
      answer: '{"results":"here I am"} at once, the query when it is done',
    },
    {
      command: "curl '{url}/naive?key=a' & sleep 0.1; curl {url}/i_want_you_now",
      answer: 'nothing for as long as the query takes, then both',
    },
  ],
})
