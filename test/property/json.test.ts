import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import { decodeJson, encodeJson } from '../../src/protocol/json.ts'
import { readJson } from '../../src/protocol/json-read.ts'
import { anythingAtAll, anyValue, plainValue } from './values.ts'

test('what is written is read again as it was', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      expect(decodeJson(encodeJson(value))).toEqual(value)
    }),
  )
})

test('what is written is ASCII, and JSON without big integers is the same to JSON.parse', () => {
  fc.assert(
    fc.property(plainValue, (value) => {
      const text = encodeJson(value)
      expect(text).toMatch(/^[\x20-\x7e]*$/)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('JSON is read as JSON.parse reads it, by the careful reader too', () => {
  fc.assert(
    fc.property(plainValue, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const text = JSON.stringify(value, null, space)
      expect(decodeJson(text)).toEqual(JSON.parse(text))
      expect(readJson(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('text that JSON.parse refuses is refused by the careful reader, unless it is Python', () => {
  const marks = fc.constantFrom(...Array.from('[]{}",:\\01-.eE \n'), 'true', 'null', '"a"', '\\u00e9', '\u0001')
  fc.assert(
    fc.property(fc.array(marks, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      expect(outcomeOf(() => readJson(text))).toEqual(outcomeOf(() => JSON.parse(text)))
    }),
    { numRuns: 2000 },
  )
})

test('whatever it is, it is written or refused with its place', () => {
  fc.assert(
    fc.property(anythingAtAll, (value) => {
      try {
        expect(encodeJson({ value })).toMatch(/^[\x20-\x7e]*$/)
      } catch (error) {
        if (!isLovageError(error, 'ENCODE_FAILED')) throw error
        expect(error.details.path).toMatch(/^\$\.value/)
      }
    }),
    { numRuns: 500 },
  )
})

test('whatever the text, it is read or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        decodeJson(text)
      } catch (error) {
        if (!isLovageError(error, 'BODY_UNDECODABLE')) throw error
      }
    }),
  )
})

function outcomeOf(read: () => unknown): unknown {
  try {
    return { value: read() }
  } catch {
    return 'refused'
  }
}
