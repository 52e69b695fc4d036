import { readBody, type TaskRequest } from './task-message.ts'

/** Bodies above this are not read: what is asked is no reason to take megabytes apart. */
const MAX_BODY_BYTES = 1024 * 1024

/** Signatures within signatures that are looked through. */
const DEEPEST = 30

/**
 * Whether the task with this id is sent when that of `request` has ended: it is the rest of its chain, the body of its
 * chord, or one of its callbacks, at any depth. What cannot be read leads nowhere.
 */
export function leadsTo(request: TaskRequest, id: string, accept: readonly string[]): boolean {
  const { body } = request
  if (body.byteLength > MAX_BODY_BYTES || request.id === id) return false
  // Most bodies do not name it, and are not taken apart. Those that are packed are not seen through.
  if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(id)) return false
  try {
    return names(readBody(request, { accept, maxBodyBytes: MAX_BODY_BYTES }).embed, id, 0)
  } catch {
    return false
  }
}

function names(value: unknown, id: string, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return false
  if (!Array.isArray(value) && (value as { task_id?: unknown }).task_id === id) return true
  return Object.values(value).some((one) => names(one, id, depth + 1))
}
