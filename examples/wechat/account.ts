import type { Account } from './messages.ts'

/** Values to try the example with; yours come from the environment. */
export const account: Account = {
  token: process.env['WECHAT_TOKEN'] ?? 'example-token',
  appId: process.env['WECHAT_APP_ID'] ?? 'wx0123456789abcdef',
  encodingAesKey: process.env['WECHAT_AES_KEY'] ?? 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
}

/** What late answers are sent with. */
export const customerService = {
  appId: account.appId,
  secret: process.env['WECHAT_SECRET'] ?? 'example-secret',
  url: process.env['WECHAT_API_URL'],
}
