import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decrypt, encrypt } from '../../examples/wechat/crypt.ts'
import { readEnvelope, writeEnvelope } from '../../examples/wechat/envelope.ts'
import { isFromWechat, readMessage, writeAnswer, type Account } from '../../examples/wechat/messages.ts'
import { isSignature, signatureOf } from '../../examples/wechat/signature.ts'

const KEY = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'

/** A request that Tencent publishes with its sample code: https://developers.weixin.qq.com */
const PUBLISHED = {
  account: { token: 'spamtest', appId: 'wx2c2769f8efd9abc2', encodingAesKey: KEY },
  query: {
    timestamp: '1409735669',
    nonce: '1320562132',
    encrypt_type: 'aes',
    msg_signature: '5d197aaffba7e9b25a30732f161a50dee96bd5fa',
  },
  encrypted:
    'hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh0B5G' +
    'IItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMe' +
    'zR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl' +
    '9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE=',
} as const

test('encrypts as the sample code of Tencent does', () => {
  const key = { encodingAesKey: KEY, appId: 'wxb11529c136998cb6' }
  const sealed = encrypt(key, '我是中文abcd123', Buffer.from('aaaabbbbccccdddd'))
  expect(sealed).toBe('jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==')
  expect(decrypt(key, sealed)).toBe('我是中文abcd123')
})

test('reads the encrypted message that Tencent publishes', () => {
  const { account, query, encrypted } = PUBLISHED
  expect(readMessage(account, query, writeEnvelope({ ToUserName: 'gh_10f6c3c3ac5a', Encrypt: encrypted }))).toEqual({
    key: 'oyORnuP8q7ou2gfYjqLzSIWZf0rs/6054768590064713728',
    from: 'oyORnuP8q7ou2gfYjqLzSIWZf0rs',
    to: 'gh_10f6c3c3ac5a',
    type: 'text',
    text: 'abcdteT',
    encrypted: true,
  })
})

test('refuses an encrypted message with a wrong signature, a cut one, one for another account', () => {
  const { account, query, encrypted } = PUBLISHED
  const body = writeEnvelope({ Encrypt: encrypted })
  const forged = { ...query, msg_signature: '0'.repeat(40) }
  expect(() => readMessage(account, forged, body)).toThrow('msg_signature is wrong')
  expect(() => readMessage({ ...account, appId: 'wx0' }, query, body)).toThrow('another account')
  expect(() => readMessage({ ...account, encodingAesKey: undefined }, query, body)).toThrow('WECHAT_AES_KEY')
  expect(() => decrypt(account, encrypted.slice(0, 64))).toThrow(/padding|too short|cut off/)
})

const TELLING: Account = { token: 't', appId: 'wx1', encodingAesKey: KEY }

/** What XML 1.0 has a place for, with much of what ends a section of it. */
const texts = fc
  .array(fc.oneof(fc.constantFrom(']', ']]>', '>', '<', '&', '&lt;', '\n', '\t'), fc.string({ unit: 'grapheme' })))
  .map((parts) => parts.join(''))

test('an answer to an encrypted message is encrypted and signed, and says what it should', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 2e9 }), (answer, nowS) => {
      const incoming = { key: 'k', from: 'user', to: 'account', type: 'text', text: '', encrypted: true }
      const { Encrypt, MsgSignature, TimeStamp, Nonce } = readEnvelope(writeAnswer(TELLING, incoming, answer, nowS))
      expect(isSignature(MsgSignature, 't', TimeStamp ?? '', Nonce ?? '', Encrypt ?? '')).toBe(true)
      const plain = readEnvelope(decrypt({ appId: 'wx1', encodingAesKey: KEY }, Encrypt ?? ''))
      expect(plain).toMatchObject({ ToUserName: 'user', FromUserName: 'account', MsgType: 'text' })
      expect(plain['Content'] ?? '').toBe(answer)
    }),
    { numRuns: 200 },
  )
})

test('events are told apart by who, when and what, messages by their id', () => {
  const event = { ToUserName: 'a', FromUserName: 'u', CreateTime: 17, MsgType: 'event', Event: 'CLICK', EventKey: 'V1' }
  expect(readMessage(TELLING, {}, writeEnvelope(event)).key).toBe('u/17/CLICK/V1')
  const message = { ToUserName: 'a', FromUserName: 'u', CreateTime: 17, MsgType: 'text', Content: 'hi', MsgId: 9 }
  expect(readMessage(TELLING, {}, writeEnvelope(message)).key).toBe('u/9')
})

test('a request is WeChat’s when the token signed it, in whatever order its parts sort', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (token, timestamp, nonce) => {
      const account = { ...TELLING, token }
      const signature = signatureOf(nonce, token, timestamp)
      expect(isFromWechat(account, { signature, timestamp, nonce })).toBe(true)
      expect(isFromWechat({ ...account, token: `${token}!` }, { signature, timestamp, nonce })).toBe(false)
    }),
  )
  expect(isFromWechat(TELLING, {})).toBe(false)
  expect(isFromWechat(TELLING, { signature: ['a', 'b'], timestamp: '1', nonce: '2' })).toBe(false)
})

test.each([
  ['', 'no <xml>'],
  ['<xml></xml>', 'no'],
  ['<!DOCTYPE a [<!ENTITY b "c">]><xml><MsgType>&b;</MsgType></xml>', 'DOCTYPE'],
  ['<xml><MsgType>text</MsgType></xml>', 'no FromUserName'],
])('refuses %j', (body, problem) => {
  expect(() => readMessage(TELLING, {}, body)).toThrow(problem)
})
