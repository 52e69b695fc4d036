import { LovageError } from '../../base/errors.ts'
import type { Destination } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import type { LinkError } from './link.ts'

/** What to tell of a message over which the server has ended the channel or the connection. */
export function refusal({ code, message }: LinkError, to: Destination): LovageError {
  if (code === 404) return unroutable(to)
  const size = /message size (\d+) is larger than configured max size (\d+)/.exec(message)
  if (size) return new LovageError('MESSAGE_TOO_LARGE', { size: size[1], limit: size[2] })
  return new LovageError('PUBLISH_REFUSED', { problem: message })
}
