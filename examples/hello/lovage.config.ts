import { defineConfig } from 'lovage/config'

export default defineConfig({
  app: './tasks.ts',
  processes: {
    gateway: { run: 'gateway', module: './gateway.ts' },
    worker: { run: 'worker', concurrency: 250 },
  },
  // Shown by `lovage dev` at its start.
  tryIt: [
    { command: "curl '{url}/add?x=1&y=2'", answer: '{"results":3}' },
    { command: 'curl -i {url}/report', answer: '202 Accepted, with a Location: /tasks/<id>' },
    {
      command: 'curl {url}/lookup & curl {url}/i_want_you_now',
      answer: '{"results":"here I am"} at once, the lookup later',
    },
  ],
})
