import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LovageError } from '../base/errors.ts'

/** Where supervisord looks; the first two are relative to the command itself. */
export const PLACES = [
  'supervisord.conf',
  'etc/supervisord.conf',
  '/etc/supervisord.conf',
  '/etc/supervisor/supervisord.conf',
] as const

/** @throws LovageError `SUPERVISOR_CONFIG_UNREADABLE` where there is none */
export function findConfiguration(): string {
  const beside = dirname(process.argv[1] ?? '.')
  const places = [join(beside, '../etc/supervisord.conf'), join(beside, '../supervisord.conf'), ...PLACES]
  const found = places.find((place) => existsSync(place))
  if (found === undefined) {
    throw new LovageError('SUPERVISOR_CONFIG_UNREADABLE', {
      file: PLACES[0],
      problem: `there is none of ${places.join(', ')}`,
    })
  }
  return found
}
