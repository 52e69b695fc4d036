import { LovageError } from '../base/errors.ts'
import { MAX_DEPTH } from './json-limits.ts'
import { CannotRead, hasEscapedName, nestsTooDeep, readJson } from './json-read.ts'
import { holdsTypedForms, reviveTyped } from './json-typed.ts'
import { writeJson } from './json-write.ts'

/**
 * How values that JSON has no form for are written.
 *
 * `typed` (default): kombu 5.3 and later, `{"__type__": "datetime", "__value__": "..."}`; every kombu reads it, older
 * ones leave the object as it is. `plain`: as kombu 5.2 does it, dates as ISO text and bytes refused.
 */
export type JsonTypes = 'typed' | 'plain'

/** Options of {@link encodeJson}. */
export interface EncodeOptions {
  /** Default `typed`. */
  readonly types?: JsonTypes
  /** What the value is called in errors. Default `$`. */
  readonly path?: string
}

/**
 * JSON as Python's `json.dumps` writes it: `", "` and `": "` between the parts, ASCII only, floats in Python's notation.
 *
 * Undefined members of objects are left out, undefined elsewhere is null, `toJSON` is honoured, as JSON does it. BigInt
 * goes out as an integer. Dates and bytes go out as `types` says; instances of classes as their own enumerable members.
 * @throws LovageError `ENCODE_FAILED` naming the path (`$.a[3].b`) of what cannot be written: NaN, endless numbers,
 *   functions, symbols, Map, Set, errors, promises, circular or too deep values, and whatever throws while it is read
 */
export function encodeJson(value: unknown, options: EncodeOptions = {}): string {
  return writeJson(value, { typed: options.types !== 'plain', path: options.path ?? '$' })
}

/** An integer of 16 digits or more, which JSON.parse would round. May also match inside of text; costs only time then. */
const LONG_INTEGER = /(?:^|[[:,\s-])\d{16,}(?![\d.eE])/

/**
 * Reads JSON as Python writes it: NaN, Infinity and -Infinity are numbers, integers that a number cannot hold exactly
 * become BigInt, and kombu's typed objects become Date (`datetime`, `date`; a naive one is UTC), Uint8Array (`bytes`,
 * `base64`) or text (`time`, `decimal`, `uuid`).
 * @throws LovageError `BODY_UNDECODABLE` for text that is not JSON, that nests deeper than 512, that has an integer of
 *   more than 4,300 digits, or a typed object of a type that nobody knows
 */
export function decodeJson(text: string): unknown {
  return undecodable(() => {
    const value = parseJson(text)
    return holdsTypedForms(text) ? reviveTyped(value) : value
  })
}

/** {@link decodeJson} that leaves kombu's typed objects as they came, so that they can be passed on without loss. */
export function decodeRawJson(text: string): unknown {
  return undecodable(() => parseJson(text))
}

/** Whether `JSON.parse` may read the text, without an error, as something else than it says. */
export function isMisread(text: string): boolean {
  return LONG_INTEGER.test(text) || hasEscapedName(text)
}

function parseJson(text: string): unknown {
  if (nestsTooDeep(text)) throw new CannotRead(`nested deeper than ${MAX_DEPTH}`)
  if (isMisread(text)) return readJson(text)
  try {
    return JSON.parse(text)
  } catch {
    // Python's NaN and Infinity are no JSON; what else is wrong, the careful reader says with its place.
    return readJson(text)
  }
}

function undecodable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CannotRead)) throw error
    throw new LovageError('BODY_UNDECODABLE', { contentType: 'application/json', problem: error.message })
  }
}
