import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'

/** Most files that are looked at for a syntax error that Node does not place. */
const MOST_FILES = 50

/** This package's own code, which is never to blame for a module that cannot be loaded. */
const OWN = resolve(dirname(fileURLToPath(import.meta.url)), '..') + sep

/** The error of modules that could not be loaded, with the place in the user's code that is to blame. */
export async function moduleFault(files: readonly string[], cause: unknown): Promise<LovageError> {
  // No line of the module is to blame for what stands in the environment.
  if (isLovageError(cause) && cause.details.source === 'environment') return cause
  const at = (await placeOf(files, cause)) ?? (files[0] as string)
  const module = files.find((file) => at.startsWith(`${file}:`)) ?? (files[0] as string)
  return new LovageError('MODULE_FAILED', { module, problem: problemOf(cause), at }, { cause })
}

/** `file:line:column` of the syntax error, of the import that leads nowhere, or of the frame that threw. */
async function placeOf(files: readonly string[], thrown: unknown): Promise<string | undefined> {
  if (!(thrown instanceof Error)) return undefined
  const stack = thrown.stack ?? ''
  // The transpiler writes the place behind its message, Node writes it as the first line.
  const written =
    /^(?:Error: )?ParseError: .*\n\s*(.+:\d+:\d+)/.exec(stack) ?? /^((?:file:\/\/|\/|[A-Z]:).*:\d+)\n/.exec(stack)
  if (written) return pathOf(written[1] as string)
  const importer = /^Cannot find (?:module|package) '(.+)' imported from (.+)$/m.exec(thrown.message)
  if (importer) return placeOfImport(pathOf(importer[2] as string), importer[1] as string)
  if (thrown instanceof SyntaxError && !/\n\s+at .*\((?!node:)/.test(stack)) return placeOfSyntaxError(files)
  return frames(stack).find(
    (frame) => !frame.startsWith(OWN) && !/[\\/]node_modules[\\/](?:jiti|vitest|vite)[\\/]/.test(frame),
  )
}

function frames(stack: string): string[] {
  const found: string[] = []
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:.*\()?((?:file:\/\/|\/|[A-Z]:).+:\d+:\d+)\)?$/.exec(line)
    if (match) found.push(pathOf(match[1] as string))
  }
  return found
}

function pathOf(place: string): string {
  if (!place.startsWith('file://')) return place
  const [, url, rest] = /^(.*?)((?::\d+){0,2})$/.exec(place) as RegExpExecArray
  return fileURLToPath(url as string) + rest
}

async function placeOfImport(importer: string, target: string): Promise<string> {
  const source = await readFile(importer, 'utf8').catch(() => '')
  const name = target.split(/[\\/]/).at(-1) as string
  const line = source.split('\n').findIndex((text) => text.includes(name) && /['"]/.test(text))
  return line < 0 ? importer : `${importer}:${line + 1}`
}

/** Node does not say where a syntax error of an imported module is: each file is checked alone. */
async function placeOfSyntaxError(roots: readonly string[]): Promise<string | undefined> {
  const seen = new Set(roots)
  for (const file of seen) {
    const { place, source } = await check(file)
    if (place) return place
    for (const [, specifier] of source.matchAll(/(?:\bfrom|\bimport)\s*['"](\.[^'"]+)['"]/g)) {
      if (seen.size < MOST_FILES) seen.add(resolve(dirname(file), specifier as string))
    }
  }
  return undefined
}

async function check(file: string): Promise<{ place?: string; source: string }> {
  const source = await readFile(file, 'utf8').catch(() => '')
  return new Promise((done) => {
    execFile(process.execPath, ['--check', file], { timeout: 5_000 }, (error, _, stderr) => {
      const match = error ? /^((?:file:\/\/|\/|[A-Z]:).*:\d+)\r?\n/.exec(stderr) : null
      done(match ? { place: pathOf(match[1] as string), source } : { source })
    })
  })
}

function problemOf(cause: unknown): string {
  if (isLovageError(cause)) return `${cause.message}. ${cause.fix}`
  const [first = ''] = messageOf(cause).split('\n')
  return first.trim()
}
