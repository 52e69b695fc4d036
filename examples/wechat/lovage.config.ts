import { defineConfig } from 'lovage/config'

export default defineConfig({
  app: './tasks.ts',
  processes: {
    gateway: { run: 'gateway', module: './gateway.ts' },
    worker: { run: 'worker' },
  },
  tryIt: [
    { command: "npx jiti examples/wechat/push.ts 'hello'", answer: 'you said: hello' },
    { command: "npx jiti examples/wechat/push.ts 'wait 8'", answer: 'the answer to the second attempt' },
  ],
})
