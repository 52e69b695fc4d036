/**
 * What a conformance suite needs of a test runner: vitest's and jest's `test` and `expect` fit, so do others of their
 * kind. No suite imports a runner, so that users can run them over kinds of their own.
 */
export interface SuiteRunner {
  readonly test: {
    (name: string, fn: () => Promise<void>): unknown
    skip(name: string, fn: () => Promise<void>): unknown
  }
  readonly expect: (actual: unknown, message?: string) => Expectation
}

/** The assertions that suites use. */
export interface Expectation {
  readonly not: Expectation
  readonly rejects: { toMatchObject(expected: object): Promise<unknown> }
  toBe(expected: unknown): unknown
  toEqual(expected: unknown): unknown
  toMatchObject(expected: object): unknown
  toMatch(expected: RegExp): unknown
  toBeUndefined(): unknown
  toBeGreaterThan(expected: number): unknown
  toBeLessThanOrEqual(expected: number): unknown
}
