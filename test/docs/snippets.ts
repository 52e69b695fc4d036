import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A fence of TypeScript in a document. */
export interface Snippet {
  readonly document: string
  /** Where its code begins. */
  readonly line: number
  /** The second word of the fence, under which the other snippets of the document import it: `ts tasks.ts`. */
  readonly name: string | undefined
  readonly code: string
}

/** The documents that users read. */
export function documents(): string[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  return [...top, ...docs.map((name) => `docs/${name}`)]
}

export function snippetsOf(document: string, text = readFileSync(join(ROOT, document), 'utf8')): Snippet[] {
  return [...text.matchAll(/^( *)```ts(?: +(\S+))?\n([^]*?)^\1```$/gm)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length + 1,
    name: match[2],
    code: match[3] as string,
  }))
}

/**
 * Type-checks snippets, each a module of its own beside those of the same document, with the project's own strictness.
 * The complaints of each.
 */
export async function typeCheck(snippets: readonly Snippet[]): Promise<Map<Snippet, string[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-snippets-'))
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(compilerConfig()))
    const files = new Map(snippets.map((snippet, index) => [fileOf(snippet, index), snippet]))
    for (const [file, { code }] of files) {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      writeFileSync(join(folder, file), code)
    }
    return complaints(await tsc(folder), files)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function fileOf({ document, name }: Snippet, index: number): string {
  return join(document.replaceAll(/[/.]/g, '-'), name ?? `snippet-${index}.ts`)
}

function compilerConfig(): object {
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: { paths: Record<string, string[]> }
  }
  const paths = Object.entries(compilerOptions.paths).map(([name, to]) => [name, to.map((path) => join(ROOT, path))])
  return {
    compilerOptions: {
      ...compilerOptions,
      paths: Object.fromEntries(paths) as object,
      moduleDetection: 'force',
      // A snippet shows things without using them all.
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ['**/*.ts'],
  }
}

function tsc(folder: string): Promise<string> {
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      if (error && !stdout) reject(new Error(stderr || error.message))
      else resolve(stdout)
    })
  })
}

function complaints(output: string, files: ReadonlyMap<string, Snippet>): Map<Snippet, string[]> {
  const found = new Map<Snippet, string[]>([...files.values()].map((snippet) => [snippet, []]))
  for (const [, file, line, message] of output.matchAll(/^([^\s(][^(\n]*)\((\d+),\d+\): (.*)$/gm)) {
    const snippet = files.get(file as string)
    // What is wrong elsewhere (the project itself does not compile) is still wrong.
    if (!snippet) throw new Error(`${file}(${line}): ${message}`)
    found.get(snippet)?.push(`${snippet.document}:${snippet.line + Number(line) - 1}: ${message}`)
  }
  return found
}
