/**
 * Plays WeChat: `npx jiti examples/wechat/push.ts 'wait 8'`, with the URL of the gateway behind it if it is not
 * http://127.0.0.1:8000. Late answers come where WECHAT_API_URL of the worker points to: `--listen 9000` takes them.
 */
import { parseArgs } from 'node:util'
import { account, customerService } from './account.ts'
import { Sender } from './sender.ts'

const { values, positionals } = parseArgs({
  options: { listen: { type: 'string', default: '0' }, encrypted: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [text = 'hello', url = 'http://127.0.0.1:8000'] = positionals
const sender = new Sender(account, customerService.secret)
const api = await sender.start(Number(values.listen))
console.log(`WECHAT_API_URL=${api}`)
const { attempts, answer } = await sender.push(`${url}/wechat`, 'user', text, values.encrypted)
for (const [i, { ms, status }] of attempts.entries()) {
  console.log(`attempt ${i + 1}: ${status ?? 'hung up'} after ${Math.round(ms)} ms`)
}
if (answer !== undefined) console.log(`answer: ${answer}`)
else if (values.listen !== '0') console.log(`late answer: ${await sender.lateAnswer('user')}`)
else console.log('no answer yet; --listen <port> waits for a late one')
await sender.stop()
