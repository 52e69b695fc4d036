import fc from 'fast-check'

const queue = fc.constantFrom('a', 'b')
const nth = fc.nat(20)
const key = fc.constantFrom('k', 'l', 'm')

/** What can happen to an engine. */
const STEP = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish'), queue, size: fc.nat(250), isKept: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('get'), queue }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ack'), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('requeue'), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reject'), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge'), queue }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), queue }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('put'), key, size: fc.nat(150) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop'), key }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('durable') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hold') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('fill'), room: fc.constantFrom(0, 500, 2_000, -262_144, -260_000) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('free') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cutPower'), seed: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop') }) },
)

export type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

/** A life of an engine. */
export const STEPS = fc.array(STEP, { minLength: 40, maxLength: 150 })
