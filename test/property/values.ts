import * as fc from 'fast-check'

// Every run of the tests draws the same; a change of this number draws others.
fc.configureGlobal({ seed: 1 })

/** Text with all that an encoder may trip over: controls, quotes, every plane, lone surrogates. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: fc.constantFrom('\\', '"', "'", ' ', '\n', '[', '}', 'é', '😀', '__type__') }),
)

/** Numbers that JSON has: finite ones, the exotic included. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.constantFrom(0.1, 1e16, 1e21, 1e-5, 5e-324, 1.7976931348623157e308),
)

/** An integer that a number does not hold. */
export const anyBigInteger: fc.Arbitrary<bigint> = fc
  .bigInt({ min: -(2n ** 200n), max: 2n ** 200n })
  .filter((value) => value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)

/** A time that Python has, in whole milliseconds. */
export const anyDate: fc.Arbitrary<Date> = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})

/** Values that arrive as they were sent. */
export const anyValue: fc.Arbitrary<unknown> = valuesOf(
  fc.oneof(anyText, anyNumber, fc.boolean(), fc.constant(null), anyBigInteger, anyDate, fc.uint8Array()),
)

/** Values that are the same in JSON and in JavaScript. */
export const plainValue: fc.Arbitrary<unknown> = valuesOf(
  fc.oneof(
    anyText,
    anyNumber.filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value)),
    fc.boolean(),
    fc.constant(null),
  ),
)

/** Values that cannot be sent beside some that can. */
export const anythingAtAll: fc.Arbitrary<unknown> = fc.oneof(
  anyValue,
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
  }),
  fc.constantFrom(undefined, Symbol('s'), () => 1, new Date(NaN), /x/, new Error('x'), new Map([[{}, 1]])),
)

function valuesOf(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 6 }),
    // An object of exactly these two names means something else to kombu.
    object: fc
      .dictionary(anyText, tie('value'), { maxKeys: 6, noNullPrototype: true })
      .filter((o) => !('__type__' in o)),
  })).value
}
