import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A piece of TypeScript in a document: a fence that begins with `ts`. */
export interface Snippet {
  readonly document: string
  /** Line of its first line of code, from 1. */
  readonly line: number
  readonly code: string
  /** Marked `run`: it is executed, and must come to its end by itself. */
  readonly run: boolean
  /** Its file, for other snippets of the document to import: `name=tasks.ts` after `ts`. */
  readonly file: string
  /** What it must print: the next fence, where that is marked `text output`. */
  readonly output: string | undefined
}

const FENCE = /^(?<indent> *)(?<mark>```+)(?<info>[^\n`]*)\n(?<code>[^]*?)^\k<indent>\k<mark>[ \t]*$/gm

/** The TypeScript in a document. */
export function snippetsOf(document: string, text: string): Snippet[] {
  const fences = [...text.matchAll(FENCE)].map(({ index, groups }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    words: (groups?.['info'] ?? '').trim().split(/\s+/),
    code: groups?.['code'] ?? '',
  }))
  return fences.flatMap(({ line, words, code }, index) => {
    if (words[0] !== 'ts') return []
    const next = fences[index + 1]
    const name = words.find((word) => word.startsWith('name='))?.slice('name='.length)
    return {
      document,
      line,
      code,
      run: words.includes('run'),
      file: name ?? `${basename(document)}-${line}.ts`,
      output: next?.words.join(' ') === 'text output' ? next.code : undefined,
    }
  })
}

/** The documents of the project. */
export function documents(): { path: string; text: string }[] {
  const inFolder = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`)
  const top = readdirSync(ROOT).concat(...['docs', 'examples'].filter(exists).map(inFolder))
  return top
    .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

const exists = (name: string): boolean => readdirSync(ROOT).includes(name)

/**
 * Lays the snippets out as files, one folder a document, and calls `use` with the place of each. The folder is inside of
 * the project, so that they find its packages. Line numbers are those of the document.
 */
export async function withFiles<T>(
  snippets: readonly Snippet[],
  use: (folder: string, pathOf: (snippet: Snippet) => string) => Promise<T>,
): Promise<T> {
  mkdirSync(join(ROOT, '.snippets'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.snippets', 'run-'))
  const pathOf = ({ document, file }: Snippet): string => join(folder, document.replace(/\W+/g, '-'), file)
  try {
    for (const snippet of snippets) {
      mkdirSync(join(pathOf(snippet), '..'), { recursive: true })
      writeFileSync(pathOf(snippet), '\n'.repeat(snippet.line - 1) + snippet.code)
    }
    return await use(folder, pathOf)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the type checker says of the snippets: `document:line: message`. */
export function typeErrors(snippets: readonly Snippet[]): Promise<string[]> {
  return withFiles(snippets, async (folder, pathOf) => {
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        moduleDetection: 'force',
        noUnusedLocals: false,
        noUnusedParameters: false,
        allowImportingTsExtensions: true,
        typeRoots: [join(ROOT, 'node_modules', '@types')],
      },
      include: ['**/*.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { code, output } = await runNode([tsc, '-p', folder, '--pretty', 'false'], folder)
    const told = snippets.reduce(
      (text, snippet) => text.replaceAll(pathOf(snippet).slice(folder.length + 1), snippet.document),
      output,
    )
    const errors = told.split('\n').filter((line) => /\berror TS\d+/.test(line))
    if (code !== 0 && errors.length === 0) throw new Error(output)
    return errors.map((line) => line.replace(/\((\d+),\d+\)/, ':$1'))
  })
}

/** Runs one snippet, among the others of its document; resolves to what it printed. Throws when it fails. */
export function runSnippet(snippet: Snippet, others: readonly Snippet[]): Promise<string> {
  return withFiles(others, async (folder, pathOf) => {
    const { code, output } = await runNode([join(ROOT, 'scripts', 'run-ts.mjs'), pathOf(snippet)], folder)
    if (code !== 0) throw new Error(`${snippet.document}:${snippet.line} ended with code ${code}:\n${output}`)
    return output
  })
}

/** Longest that a program may take, on a machine that does much else. */
const RUN_MS = 120_000

function runNode(args: readonly string[], cwd: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LOVAGE_HOME: join(cwd, '.lovage') }
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString()
      resolve({ code, output: signal === null ? output : `${output}It was ended by ${signal}.` })
    })
  })
}
