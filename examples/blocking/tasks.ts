import { lovage } from 'lovage'

export const app = lovage('blocking')

const queryMs = Number(process.env['BLOCKING_QUERY_MS'] ?? 3_000)

/**
 * A slow query with a driver that blocks: nothing else happens in its thread until the answer is there. So are
 * execFileSync, readFileSync of a slow disk, synchronous database drivers, and every long computation.
 */
export function querySlowly(key: string): { key: string; rows: number } {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, queryMs)
  return { key, rows: 42 }
}

/** The same query, asked for over the broker and run in a process of its own. */
export const query = app.task('blocking.query', { pool: 'processes' }, querySlowly)
