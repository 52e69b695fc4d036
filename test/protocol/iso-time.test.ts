import { describe, expect, test } from 'vitest'
import { formatIso, formatIsoNaive, isIsoTime, isoTime, parseIso } from '../../src/protocol/iso-time.ts'

describe('times are written as Python writes them', () => {
  test.each([
    [0, '1970-01-01T00:00:00'],
    [1_795_226_603_514.062, '2026-11-21T02:03:23.514062'],
    [1_500, '1970-01-01T00:00:01.500000'],
    [0.001, '1970-01-01T00:00:00.000001'],
    [-0.5, '1969-12-31T23:59:59.999500'],
    [999.9999, '1970-01-01T00:00:01'],
    [-62_135_596_800_000, '0001-01-01T00:00:00'],
    [253_402_300_799_999, '9999-12-31T23:59:59.999000'],
  ])('%d is %s', (epochMs, text) => {
    expect(formatIsoNaive(epochMs)).toBe(text)
    expect(formatIso(epochMs)).toBe(`${text}+00:00`)
    expect(isIsoTime(epochMs)).toBe(true)
  })

  test.each([NaN, Infinity, -62_135_596_800_001, 253_402_300_800_000])('%d is refused', (epochMs) => {
    expect(isIsoTime(epochMs)).toBe(false)
    expect(() => formatIso(epochMs)).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  })
})

describe('times are read', () => {
  const noon = Date.UTC(2030, 0, 1, 12)

  test.each([
    ['2030-01-01T12:00:00', noon],
    ['2030-01-01T12:00:00Z', noon],
    ['2030-01-01T12:00:00+00:00', noon],
    ['2030-01-01 12:00', noon],
    ['2030-01-01T14:00:00+02:00', noon],
    ['2030-01-01T06:30:00-0530', noon],
    ['2030-01-01T14:00:00+02', noon],
    ['2030-01-01T12:09:21+00:09:21', noon],
    ['2030-01-01', Date.UTC(2030, 0, 1)],
    ['2030-01-01T12:00:00.5', noon + 500],
    ['2030-01-01T12:00:00.123Z', noon + 123],
    ['2030-01-01T12:00:00.123456+00:00', noon + 123.456],
    ['2030-01-01T12:00:00.123456789Z', noon + 123.456],
    ['2024-02-29T00:00:00', Date.UTC(2024, 1, 29)],
    ['0001-01-01T00:00:00', -62_135_596_800_000],
  ])('%s', (text, epochMs) => {
    expect(parseIso(text)).toBe(epochMs)
  })

  test.each([
    ...[
      '',
      'soon',
      '2030',
      '2030-01',
      '2030-1-1',
      '2030-02-30',
      '2030-13-01',
      '2030-00-01',
      '2030-01-00',
      '0000-01-01',
    ],
    ...[
      '2023-02-29',
      '2030-01-01T24:00',
      '2030-01-01T12:60',
      '2030-01-01T12:00:60',
      '2030-01-01T12',
      '2030-01-01T12:00:00.',
    ],
    ...[
      '2030-01-01T12:00+24:00',
      '2030-01-01T12:00+01:60',
      '2030-01-01T12:00:00 UTC',
      '0001-01-01T00:00+01:00',
      '9999-12-31T23:00-01:00',
      ' 2030-01-01',
      '2030-01-01\n',
    ],
  ])('%j is refused', (text) => {
    expect(isoTime(text)).toBeUndefined()
    expect(() => parseIso(text)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }))
  })
})
