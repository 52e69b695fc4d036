import { randomFillSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { uuidsFrom } from '../../src/base/uuids.ts'

const VERSION_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('UUIDs', () => {
  it('are what the bytes say, with version and variant put over them', () => {
    const uuid = uuidsFrom((bytes) => bytes.forEach((_, i) => (bytes[i] = i * 0x11)))
    expect(uuid()).toBe('00112233-4455-4677-8899-aabbccddeeff')
  })

  it('of bytes that are all set are those of version 4 too', () => {
    expect(uuidsFrom((bytes) => void bytes.fill(0xff))()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
  })

  it('differ, from one drawing to the next too', () => {
    const uuid = uuidsFrom((bytes) => void randomFillSync(bytes))
    const drawn = Array.from({ length: 1_000 }, uuid)
    expect(new Set(drawn).size).toBe(1_000)
    for (const one of drawn) expect(one).toMatch(VERSION_4)
  })
})
