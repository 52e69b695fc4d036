import type { Operation, OperationName } from '../tables/operation.ts'

type Fits = (value: unknown) => boolean

const isText: Fits = (value) => typeof value === 'string'
const isFlag: Fits = (value) => typeof value === 'boolean'
const isValue: Fits = (value) => typeof value === 'string' || value instanceof Uint8Array
const isTime: Fits = (value) => typeof value === 'number' && value >= 0
const isLength: Fits = (value) => isTime(value) && value !== Infinity
const isWhole: Fits = (value) => Number.isSafeInteger(value)
const isCount: Fits = (value) => isWhole(value) && (value as number) >= 1
const isNumber: Fits = (value) => isWhole(value) && (value as number) >= 0
const isPlace: Fits = (value) => {
  const place = value as { atMs?: unknown; id?: unknown } | null
  return typeof place === 'object' && place !== null && isTime(place.atMs) && isText(place.id)
}

const maybe =
  (fits: Fits): Fits =>
  (value) =>
    value === undefined || fits(value)

const FIELDS: { readonly [Name in OperationName]: Readonly<Record<string, Fits>> } = {
  get: { key: isText },
  set: { key: isText, value: isValue, ttlMs: isLength, ifVersion: maybe(isNumber) },
  forget: { key: isText, ifVersion: maybe(isNumber) },
  count: {
    key: isText,
    by: isWhole,
    ttlMs: isLength,
    renew: isFlag,
    max: maybe(isWhole),
    member: maybe(isText),
  },
  lease: { key: isText, holder: isText, ttlMs: isLength, slots: isCount },
  renew: { key: isText, holder: isText, token: isNumber, ttlMs: isLength },
  release: { key: isText, holder: isText, token: isNumber },
  append: { key: isText, value: isValue, ttlMs: isLength, maxEntries: isCount, ifLast: maybe(isNumber) },
  read: { key: isText, after: isNumber, limit: isCount },
  trim: { key: isText, through: isNumber },
  put: { key: isText, id: isText, atMs: isTime, value: maybe(isValue), ifVersion: maybe(isNumber) },
  remove: { key: isText, id: isText, ifVersion: maybe(isNumber) },
  take: { key: isText, claimMs: isLength, limit: isCount },
  list: { key: isText, after: maybe(isPlace), limit: isCount },
}

/**
 * What a client has asked for, if it is an operation at all. Clients check what their users say; this is for a client with
 * a bug: what it gets wrong would be in the journal, and in timers of the owner.
 * @throws RangeError
 */
export function checkOperation(asked: Readonly<Record<string, unknown>>): Operation {
  const fields = Object.hasOwn(FIELDS, String(asked.op)) ? FIELDS[asked.op as OperationName] : undefined
  if (!fields) throw new RangeError(`there is no operation ${String(asked.op)}`)
  for (const [name, fits] of Object.entries(fields)) {
    if (!fits(asked[name])) throw new RangeError(`operation ${String(asked.op)} has no fit ${name}`)
  }
  return asked as unknown as Operation
}
