import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { argsRepr, kwargsRepr, pythonRepr } from '../../src/protocol/python-repr.ts'
import { anythingAtAll, anyText } from './values.ts'

// One token may be cut only after it overran the budget: the cut mark, quotes and escaped quotes of one text.
const LONGEST = 2 * 1024 + 40

test('a repr never throws and never grows far beyond its budget', () => {
  fc.assert(
    fc.property(fc.array(anythingAtAll), (args) => {
      expect(argsRepr(args).length).toBeLessThan(2 * LONGEST)
    }),
    { numRuns: 500 },
  )
})

test('long lists of long texts are cut', () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 50 }), (texts) => {
      const value = texts.map((text) => text.repeat(50))
      expect(kwargsRepr({ value }).length).toBeLessThan(2 * LONGEST)
    }),
    { numRuns: 20 },
  )
})

test('the budget given is kept', () => {
  fc.assert(
    fc.property(anythingAtAll, fc.integer({ min: 1, max: 100 }), (value, maxLength) => {
      expect(pythonRepr(value, { maxLength }).length).toBeLessThan(4 * maxLength + 60)
    }),
    { numRuns: 500 },
  )
})
