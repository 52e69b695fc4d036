import { describe, expect, it } from 'vitest'
import { LOG_CONTEXT, redactedTail, type ReadTail } from '../../src/dashboard/log-window.ts'
import { Redactor } from '../../src/dashboard/redact.ts'

const redactor = new Redactor()

/** As a host answers that has this in its log. */
const hostWith =
  (log: string | Buffer): ReadTail =>
  async (offset, length) => {
    const bytes = Buffer.from(log)
    const overflow = bytes.length > offset + length
    const from = overflow ? bytes.length - length : Math.min(offset, bytes.length)
    return { text: bytes.subarray(from).toString(), offset: bytes.length, overflow }
  }
const read = (log: string | Buffer, from?: number, length = 65_536) =>
  redactedTail(hostWith(log), (text) => redactor.text(text), from, length)

/** Follows a log that grows by these pieces, as the page does. */
async function followed(pieces: readonly (string | Buffer)[]): Promise<string> {
  let [shown, open, offset] = ['', '', undefined as number | undefined]
  for (let count = 1; count <= pieces.length; count++) {
    const log = Buffer.concat(pieces.slice(0, count).map((piece) => Buffer.from(piece)))
    const piece = await read(log, offset)
    if (offset !== undefined) expect(piece.offset).toBeGreaterThanOrEqual(offset)
    shown += piece.text
    ;({ open, offset } = piece)
  }
  return shown + open
}

describe('the end of a log', () => {
  // What nobody may read is in capitals.
  const SECRETS = [
    'started\nlogin with password=HUNTER and user=ana\nnext\n',
    'Authorization:\n  SECRETVALUE\nnext: one\n',
    'conf {"token": "ABC\nDEF\nGHI", "x": 1}\nnext\n',
    'Bearer ABCDEFGHI\nnext\n',
    'connect to amqp://ana:HUNTER@rabbit:5672/x\nnext\n',
    'no end: password=HUNTER',
    'no end: Bearer ABCDEFGHI',
    'no end: amqp://ana:HUNTER@rabbit',
    `${'x'.repeat(30)} password=HUNTER\n`,
  ]

  it.each(SECRETS)('shows no part of a secret, wherever a piece begins: %j', async (log) => {
    const hidden = /(?!B)[A-Z]{3,}/
    for (let from = 0; from <= log.length; from++) {
      for (const length of [1, 3, 11, 50, 65_536]) {
        const { text, open } = await read(log, from, length)
        expect({ from, length, shown: hidden.exec(`${text}${open}`)?.[0] }).toMatchObject({ shown: undefined })
      }
    }
  })

  it.each(SECRETS)('shows no part of a secret that is being written: %j', async (log) => {
    for (let end = 0; end <= log.length; end++) {
      const { text, open } = await read(log.slice(0, end))
      expect({ end, shown: /(?!B)[A-Z]{2,}/.exec(`${text}${open}`)?.[0] }).toMatchObject({ shown: undefined })
    }
  })

  it('is told line by line, and of one that is not ended all but the last word', async () => {
    expect(await read('one\ntwo\nand th')).toEqual({ text: 'one\ntwo\n', open: 'and …', offset: 8, overflow: false })
    expect(await read('one\ntwo\nand th', 4)).toMatchObject({ text: 'two\n', open: 'and …' })
    expect(await read('one\ntwo\nand th', 8)).toMatchObject({ text: '', open: 'and …', offset: 8 })
    expect(await read('')).toEqual({ text: '', open: '', offset: 0, overflow: false })
  })

  it('is whole for who follows it, whatever it is written in', async () => {
    const words = 'größer – naïve\n\nfüür\r\nsecret=none of it\n'
    const bytes = Buffer.concat([Buffer.from(words), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('end\n')])
    const expected = redactor.text(bytes.toString())
    for (const size of [1, 2, 3, 5, 8, 13, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
      expect({ size, shown: await followed(pieces) }).toEqual({ size, shown: expected })
    }
  })

  it('begins anew where it was emptied', async () => {
    expect(await read('new\n', 5_000)).toEqual({ text: 'new\n', open: '', offset: 4, overflow: false })
  })

  it('tells that there was more, and leaves out a line whose beginning it has not read', async () => {
    const long = `password=${'X'.repeat(LOG_CONTEXT * 2)}`
    expect(await read(long, undefined, 100)).toEqual({ text: '', open: '…', offset: 0, overflow: true })
    const ended = `${long}\nnext\n`
    const piece = { text: 'next\n', open: '', offset: ended.length, overflow: true }
    expect(await read(ended, undefined, 100)).toEqual(piece)
    expect(await read(ended, 4, 100)).toEqual(piece)
  })
})
