import { log } from '../base/log.ts'
import { FAULTS, faultOf, type FaultName } from './faults.ts'
import type { Operations } from './operations.ts'
import { LOVAGE_METHODS } from './rpc-lovage.ts'
import { RPC_METHODS, type RpcMethod } from './rpc-methods.ts'
import { type RpcCall, type RpcFault, type RpcValue } from './xml-rpc.ts'

/** Calls of one `system.multicall`. */
const MOST_CALLS = 1_000

type SystemMethod = { readonly signature: readonly string[]; readonly help: string }

/** Those that call something of a supervisor, by namespace. */
const METHODS: Readonly<Record<string, Readonly<Record<string, RpcMethod>>>> = {
  supervisor: RPC_METHODS,
  lovage: LOVAGE_METHODS,
}

const SYSTEM: Readonly<Record<string, SystemMethod>> = {
  listMethods: { signature: ['array'], help: 'Names of all methods.' },
  methodHelp: { signature: ['string', 'string'], help: 'What a method does.' },
  methodSignature: {
    signature: ['array', 'string'],
    help: 'The type of what a method returns, then of what it takes.',
  },
  multicall: {
    signature: ['array', 'array'],
    help: 'Several calls, one after the other: an array of {methodName, params}; a fault stands in place of its result.',
  },
}

/**
 * Runs one call as supervisord would.
 * @returns What it answers, or a fault; rejects never
 */
export async function callRpc(operations: Operations, { method, params }: RpcCall): Promise<RpcValue | RpcFault> {
  try {
    const [namespace, name = '', ...rest] = method.split('.')
    const found = rest.length === 0 ? methodOf(namespace, name) : undefined
    if (found) return await callMethod(operations, found, params)
    if (rest.length === 0 && namespace === 'system' && Object.hasOwn(SYSTEM, name)) {
      return await callSystem(operations, name, params)
    }
    return fault('UNKNOWN_METHOD')
  } catch (error) {
    const known = faultOf(error)
    if (known) return { faultCode: known.code, faultString: known.text }
    log('error', 'supervisor', 'a call could not be answered', { method, error })
    return fault('FAILED')
  }
}

function methodOf(namespace = '', name: string): RpcMethod | undefined {
  const methods = Object.hasOwn(METHODS, namespace) ? METHODS[namespace] : undefined
  return methods && Object.hasOwn(methods, name) ? methods[name] : undefined
}

async function callMethod(
  operations: Operations,
  { takes, least, call }: RpcMethod,
  params: readonly RpcValue[],
): Promise<RpcValue> {
  if (params.length < least || params.length > takes.length) return fault('INCORRECT_PARAMETERS')
  const converted = params.map((value, i) => asType(value, takes[i] as string))
  if (converted.includes(undefined)) return fault('INCORRECT_PARAMETERS')
  return (await call(operations, converted as never)) as RpcValue
}

/** Callers send 1 for true, and numbers for signals; undefined: it is of another type. */
function asType(value: RpcValue, type: string): RpcValue | undefined {
  if (type === 'boolean')
    return typeof value === 'number' ? value !== 0 : typeof value === 'boolean' ? value : undefined
  if (type === 'string')
    return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : undefined
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined
}

async function callSystem(operations: Operations, name: string, params: readonly RpcValue[]): Promise<RpcValue> {
  const [first] = params
  if (params.length !== (name === 'listMethods' ? 0 : 1)) return fault('INCORRECT_PARAMETERS')
  if (name === 'listMethods') return methodNames()
  if (name === 'multicall') {
    if (!Array.isArray(first) || first.length > MOST_CALLS) return fault('INCORRECT_PARAMETERS')
    const answers: RpcValue[] = []
    for (const call of first as readonly RpcValue[]) answers.push((await callOne(operations, call)) as RpcValue)
    return answers
  }
  const about = describe(String(first))
  if (!about) return fault('SIGNATURE_UNSUPPORTED')
  return name === 'methodHelp' ? about.help : about.signature
}

async function callOne(operations: Operations, call: RpcValue): Promise<RpcValue | RpcFault> {
  if (typeof call !== 'object' || call === null || Array.isArray(call)) return fault('INCORRECT_PARAMETERS')
  const { methodName, params = [] } = call as { methodName?: RpcValue; params?: RpcValue }
  if (typeof methodName !== 'string') return fault('INCORRECT_PARAMETERS', 'No methodName')
  if (methodName === 'system.multicall') return fault('INCORRECT_PARAMETERS', 'Recursive system.multicall forbidden')
  if (!Array.isArray(params)) return fault('INCORRECT_PARAMETERS')
  return callRpc(operations, { method: methodName, params })
}

function methodNames(): string[] {
  const names = (namespace: string, methods: object): string[] => {
    return Object.keys(methods).map((name) => `${namespace}.${name}`)
  }
  const ours = Object.entries(METHODS).flatMap(([namespace, methods]) => names(namespace, methods))
  return [...ours, ...names('system', SYSTEM)].toSorted()
}

function describe(method: string): { help: string; signature: readonly string[] } | undefined {
  const [namespace, name = '', ...rest] = method.split('.')
  if (rest.length > 0) return undefined
  if (namespace === 'system' && Object.hasOwn(SYSTEM, name)) return SYSTEM[name]
  const found = methodOf(namespace, name)
  return found && { help: found.help, signature: [found.returns, ...found.takes] }
}

function fault(name: FaultName, detail?: string): { faultCode: number; faultString: string } {
  return { faultCode: FAULTS[name].code, faultString: detail === undefined ? name : `${name}: ${detail}` }
}
