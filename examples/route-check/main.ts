import { lovage } from 'lovage'
import { settings } from './settings.ts'

export const app = lovage('route-check', settings)

/** One hop of a route: where it is, and how long it takes from the last one, in milliseconds. */
interface Hop {
  readonly host: string
  readonly ms: number
}

/** Goes to `common_check`, and, because that has the routing key too, a copy to `common_archive`. */
export const check = app.task('routes.check', (target: string, hops: readonly Hop[]) => {
  const slow = hops.filter(({ ms }) => ms > 100).map(({ host }) => host)
  return { target, hops: hops.length, totalMs: hops.reduce((sum, { ms }) => sum + ms, 0), slow }
})

/** Goes to `common_report`. */
export const report = app.task('routes.report', (checks: readonly { target: string; slow: readonly string[] }[]) =>
  checks
    .map(({ target, slow }) => `${target}: ${slow.length === 0 ? 'well' : `slow at ${slow.join(', ')}`}`)
    .join('\n'),
)

/** Goes to `urgent_check`, past whatever waits elsewhere. */
export const alarm = app.task('routes.alarm', (target: string) => `nobody answers at ${target}`)
