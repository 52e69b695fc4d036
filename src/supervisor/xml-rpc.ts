/**
 * XML-RPC as Python's xmlrpc.client writes and reads it (http://xmlrpc.com/spec.md; Lib/xmlrpc/client.py). No DOCTYPE, no
 * entities of one's own.
 */

import { RpcReader, RpcInvalid } from './xml-rpc-reader.ts'

export { RpcInvalid } from './xml-rpc-reader.ts'

/** What XML-RPC can say. */
export type RpcValue = string | number | boolean | null | readonly RpcValue[] | { readonly [name: string]: RpcValue }

/** A call. */
export interface RpcCall {
  readonly method: string
  readonly params: readonly RpcValue[]
}

/** An answer that is a fault. */
export interface RpcFault {
  readonly faultCode: number
  readonly faultString: string
}

const LARGEST_INT = 2 ** 31

/** Writes a call. */
export function writeCall(method: string, params: readonly RpcValue[]): string {
  return `<?xml version='1.0'?>\n<methodCall>\n<methodName>${escaped(method)}</methodName>\n${written(params)}</methodCall>\n`
}

/** Writes the answer to a call. */
export function writeResult(value: RpcValue): string {
  return `<?xml version='1.0'?>\n<methodResponse>\n${written([value])}</methodResponse>\n`
}

/** Writes an answer that is a fault. */
export function writeFault({ faultCode, faultString }: RpcFault): string {
  const fault = writeValue({ faultCode, faultString })
  return `<?xml version='1.0'?>\n<methodResponse>\n<fault>\n${fault}</fault>\n</methodResponse>\n`
}

/**
 * Reads a call.
 * @throws RpcInvalid
 */
export function readCall(text: string): RpcCall {
  const reader = new RpcReader(text)
  reader.open('methodCall')
  reader.open('methodName')
  const method = reader.text().trim()
  reader.close('methodName')
  if (method === '') throw new RpcInvalid('the call names no method')
  const params = reader.isAt('params') ? reader.params() : []
  reader.close('methodCall')
  return { method, params }
}

/**
 * Reads an answer.
 * @throws RpcInvalid
 */
export function readResponse(text: string): { readonly value: RpcValue } | { readonly fault: RpcFault } {
  const reader = new RpcReader(text)
  reader.open('methodResponse')
  if (!reader.isAt('fault')) {
    const [value = null] = reader.params()
    return { value }
  }
  reader.open('fault')
  const fault = reader.value(0)
  if (!isFault(fault)) throw new RpcInvalid('the fault has no faultCode and faultString')
  return { fault }
}

/** Whether a value is a fault: the answer to one call of several may be one. */
export function isFault(value: RpcValue): value is { faultCode: number; faultString: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { faultCode, faultString } = value as Partial<RpcFault>
  return typeof faultCode === 'number' && typeof faultString === 'string'
}

function written(params: readonly RpcValue[]): string {
  return `<params>\n${params.map((value) => `<param>\n${writeValue(value)}</param>\n`).join('')}</params>\n`
}

function writeValue(value: RpcValue): string {
  return `<value>${typed(value)}</value>\n`
}

function typed(value: RpcValue): string {
  if (typeof value === 'string') return `<string>${escaped(value)}</string>`
  if (typeof value === 'boolean') return `<boolean>${value ? 1 : 0}</boolean>`
  if (typeof value === 'number') return writeNumber(value)
  if (value === null) return '<nil/>'
  let text = ''
  if (Array.isArray(value)) {
    for (const one of value as readonly RpcValue[]) text += writeValue(one)
    return `<array><data>\n${text}</data></array>`
  }
  for (const [name, member] of Object.entries(value)) {
    text += `<member>\n<name>${escaped(name)}</name>\n${writeValue(member as RpcValue)}</member>\n`
  }
  return `<struct>\n${text}</struct>`
}

function writeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) return `<double>${value}</double>`
  // The specification ends at 32 bits; Python reads the longer form too.
  const type = value >= -LARGEST_INT && value < LARGEST_INT ? 'int' : 'i8'
  return `<${type}>${value}</${type}>`
}

const MARKS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** What XML has no place for, as a process may well write it, would make the whole answer unreadable. */
const UNSAYABLE = /[^\P{Cc}\t\n\r\u007f-\u009f]|[\ufffe\uffff]|\p{Cs}/gu

/** Nearly all texts are so: with nothing in them that is to be written otherwise. */
const PLAIN = /^[\t\n\r\u0020-%'-;=?-~]*$/

function escaped(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(/[&<>]/g, (mark) => MARKS[mark] as string).replace(UNSAYABLE, '\ufffd')
}
