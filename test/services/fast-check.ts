// The tests' fast-check, by an alias in vitest.config.ts: each run tries the same cases, on every machine. What a case that
// nobody has tried before finds must not fail whoever comes by; `FAST_CHECK_SEED=<number>` goes and looks for it.
import fc from '../../node_modules/fast-check/lib/fast-check.js'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['FAST_CHECK_SEED'] ?? 20_261_121) })

export * from '../../node_modules/fast-check/lib/fast-check.js'
export default fc
