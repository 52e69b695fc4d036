import { LovageError } from '../../../base/errors.ts'
import { METHODS, methodId, type Args, type MethodName } from './methods.ts'
import { invalid, type ByteReader } from './reader.ts'
import { readTable, type TableNotes } from './table-reader.ts'
import { writeTable } from './table-writer.ts'
import type { ByteWriter } from './writer.ts'

interface Codec {
  readonly name: MethodName
  readonly id: number
  readonly args: readonly { readonly name: string; readonly kind: string }[]
}

const byName = new Map<MethodName, Codec>()
const byId = new Map<number, Codec>()
for (const name of Object.keys(METHODS) as MethodName[]) {
  const args = Object.entries<string>(METHODS[name].args).map(([arg, kind]) => ({ name: arg, kind }))
  const codec: Codec = { name, id: methodId(name), args }
  byName.set(name, codec)
  byId.set(codec.id, codec)
}

/** A method that was read, told apart by its name. */
export type Method = { [M in MethodName]: { readonly name: M; readonly args: Args<M> } }[MethodName]

/**
 * Reads the payload of a method frame.
 * @throws LovageError `WIRE_INVALID` for a method that no client receives or knows, and for arguments cut short.
 */
export function readMethod(reader: ByteReader, notes: TableNotes): Method {
  const id = reader.i32()
  const codec = byId.get(id)
  if (!codec) throw invalid(`method ${id >>> 16}.${id & 0xffff} is unknown`, 503)
  const args: Record<string, unknown> = {}
  let bits = 0
  let bit = 8
  for (const { name, kind } of codec.args) {
    if (kind === 'bit' || kind === '-bit') {
      if (bit === 8) {
        bits = reader.u8()
        bit = 0
      }
      if (kind === 'bit') args[name] = (bits & (1 << bit)) !== 0
      bit++
      continue
    }
    bit = 8
    const value = read(reader, kind, notes)
    if (value !== undefined) args[name] = value
  }
  return { name: codec.name, args } as unknown as Method
}

function read(reader: ByteReader, kind: string, notes: TableNotes): unknown {
  switch (kind) {
    case 'octet':
      return reader.u8()
    case 'short':
      return reader.u16()
    case 'long':
      return reader.u32()
    case 'longlong': {
      const value = reader.u64()
      if (value > Number.MAX_SAFE_INTEGER) throw invalid(`${value} is no number that a broker counts to`)
      return value
    }
    case 'shortstr':
      return reader.shortText()
    case 'longstr':
      return reader.bytes(reader.u32())
    case 'table':
      return readTable(reader, notes)
    case '-short':
      reader.take(2)
      return undefined
    case '-shortstr':
      reader.take(reader.u8())
      return undefined
    default:
      reader.take(reader.u32())
      return undefined
  }
}

/**
 * Writes the payload of a method frame. What is left out is zero, empty or false.
 * @throws LovageError `ENCODE_FAILED` for a name past 255 bytes and for what no table can hold.
 */
export function writeMethod<M extends MethodName>(writer: ByteWriter, name: M, args: Partial<Args<M>>): void {
  const codec = byName.get(name) as Codec
  const values = args as Readonly<Record<string, unknown>>
  writer.room(8)
  writer.u32(codec.id)
  let bits = 0
  let bit = -1
  for (const { name: arg, kind } of codec.args) {
    if (kind === 'bit' || kind === '-bit') {
      if (++bit === 0) {
        writer.room(1)
        writer.u8(0)
        bits = 0
      }
      if (values[arg] === true) bits |= 1 << bit
      writer.buffer[writer.at - 1] = bits
      if (bit === 7) bit = -1
      continue
    }
    bit = -1
    write(writer, kind, values[arg], `${name}.${arg}`)
  }
}

function write(writer: ByteWriter, kind: string, value: unknown, path: string): void {
  writer.room(8)
  switch (kind) {
    case 'octet':
      return writer.u8(whole(value, 0xff, path))
    case 'short':
      return writer.u16(whole(value, 0xffff, path))
    case 'long':
      return writer.u32(whole(value, 0xffff_ffff, path))
    case 'longlong':
      return writer.u64(whole(value, Number.MAX_SAFE_INTEGER, path))
    case 'shortstr':
      return writer.shortText((value ?? '') as string, path)
    case 'longstr': {
      const bytes = (value ?? new Uint8Array(0)) as Uint8Array
      writer.u32(bytes.length)
      writer.room(bytes.length)
      return writer.raw(bytes)
    }
    case 'table':
      return writeTable(writer, (value ?? {}) as Args<'queue.declare'>['arguments'], path)
    case '-short':
      return writer.u16(0)
    case '-shortstr':
      return writer.u8(0)
    default:
      return writer.u32(0)
  }
}

function whole(value: unknown, most: number, path: string): number {
  const number = value ?? 0
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= most) return number
  throw new LovageError('ENCODE_FAILED', { path, problem: `${String(value)} is not a whole number from 0 to ${most}` })
}
