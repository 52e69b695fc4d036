import { decrypt, encrypt, type CryptKey } from './crypt.ts'
import { readEnvelope, writeEnvelope, type Fields } from './envelope.ts'
import { isSignature, signatureOf } from './signature.ts'

/** What an account is set up with, on WeChat's page and here alike. */
export interface Account {
  /** Chosen by you; signs every request. */
  readonly token: string
  readonly appId: string
  /** Only for the encrypted mode. */
  readonly encodingAesKey: string | undefined
}

/** A message that somebody sent to the account. */
export interface Incoming {
  /** The same for every attempt to deliver it. */
  readonly key: string
  readonly from: string
  readonly to: string
  readonly type: string
  readonly text: string
  /** It came encrypted, and so is answered. */
  readonly encrypted: boolean
}

type Query = Readonly<Record<string, string | readonly string[]>>

/** Whether WeChat signed a request; anybody can send one, and only the token makes the signature. */
export function isFromWechat({ token }: Account, query: Query): boolean {
  return isSignature(query['signature'], token, text(query['timestamp']), text(query['nonce']))
}

/**
 * Reads a message, encrypted or not.
 * @throws Error that says what is wrong with it
 */
export function readMessage(account: Account, query: Query, body: string): Incoming {
  const outer = readEnvelope(body)
  const encrypted = query['encrypt_type'] === 'aes'
  const fields = encrypted ? opened(account, query, outer) : outer
  const { FromUserName: from = '', ToUserName: to = '', MsgType: type = '', Content = '' } = fields
  if (!from || !to || !type) throw new Error('the message has no FromUserName, ToUserName or MsgType')
  return { key: keyOf(fields), from, to, type, text: Content, encrypted }
}

/** Writes the answer to a message. WeChat takes it within 5 seconds, as the body of the response. */
export function writeAnswer(account: Account, { from, to, encrypted }: Incoming, answer: string, nowS: number): string {
  const plain = writeEnvelope({
    ToUserName: from,
    FromUserName: to,
    CreateTime: nowS,
    MsgType: 'text',
    Content: answer,
  })
  if (!encrypted) return plain
  const { token } = account
  const sealed = encrypt(keyTo(account), plain)
  const nonce = String(Math.floor(Math.random() * 1e9))
  const signature = signatureOf(token, String(nowS), nonce, sealed)
  return writeEnvelope({ Encrypt: sealed, MsgSignature: signature, TimeStamp: nowS, Nonce: nonce })
}

/** Messages have an id. Events have none: WeChat says to tell them apart by who, when and what. */
function keyOf({ MsgId, FromUserName, CreateTime, Event, EventKey }: Fields): string {
  if (MsgId) return `${FromUserName}/${MsgId}`
  return [FromUserName, CreateTime, Event ?? '', EventKey ?? ''].join('/')
}

function opened(account: Account, query: Query, { Encrypt = '' }: Fields): Fields {
  const { token } = account
  const signed = isSignature(query['msg_signature'], token, text(query['timestamp']), text(query['nonce']), Encrypt)
  if (!signed) throw new Error('msg_signature is wrong')
  return readEnvelope(decrypt(keyTo(account), Encrypt))
}

function keyTo({ appId, encodingAesKey }: Account): CryptKey {
  if (!encodingAesKey) throw new Error('the message is encrypted, and WECHAT_AES_KEY is not set')
  return { appId, encodingAesKey }
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : ''
}
