import type { NodeReply } from '../app/control.ts'
import { encodeJson } from '../protocol/json.ts'
import { isRecord } from '../protocol/signature.ts'
import { harmless, type Paint } from './paint.ts'

/** JSON that every program reads: what Python answers may hold `Infinity`, which becomes a text. */
export function jsonOf(value: unknown): string {
  return encodeJson(finite(value))
}

function finite(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (Array.isArray(value)) return value.map(finite)
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, finite(one)])) : value
}

/** What one node answered, as lines for people. */
export function linesOf(
  { hostname, value }: NodeReply,
  paint: Paint,
  { showReply, quiet }: { readonly showReply: boolean; readonly quiet: boolean },
): string[] {
  const { isGood, lines } = bodyOf(value)
  const state = isGood ? paint('green', 'OK') : paint('red', 'ERROR')
  const arrow = quiet ? '' : `${paint('dim', '->')} `
  const head = `${arrow} ${paint('cyan', `${harmless(hostname)}:`)} ${state}`
  return [head, ...(showReply ? lines.map((line) => `    ${line}`) : [])]
}

function bodyOf(value: unknown): { readonly isGood: boolean; readonly lines: readonly string[] } {
  if (typeof value !== 'object' || value === null) return { isGood: true, lines: textLines(value) }
  if (Array.isArray(value)) {
    return { isGood: true, lines: value.length === 0 ? ['- empty -'] : value.map((one) => `* ${oneLine(one)}`) }
  }
  const { ok, error } = value as { ok?: unknown; error?: unknown }
  if (ok !== undefined) return { isGood: true, lines: bodyOf(ok).lines.map((line) => `    ${line}`) }
  if (error !== undefined) return { isGood: false, lines: bodyOf(error).lines.map((line) => `    ${line}`) }
  return {
    isGood: true,
    lines: JSON.stringify(JSON.parse(jsonOf(value)), null, 4)
      .split('\n')
      .map(harmless),
  }
}

function textLines(value: unknown): string[] {
  return typeof value === 'string' ? value.split('\n').map(harmless) : [oneLine(value)]
}

function oneLine(value: unknown): string {
  return harmless(typeof value === 'string' ? value : jsonOf(value ?? null))
}
