import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'vite'

/** One file of the project. */
export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string
  readonly text: string
}

/** A wall that was broken. */
export interface Violation {
  readonly path: string
  readonly problem: string
}

/** A node of the syntax tree, as far as the rules look at it. */
export interface Node {
  readonly type: string
  readonly [key: string]: unknown
}

/** The files of the project that are, or would be, under version control. */
export function projectFiles(root: string): SourceFile[] {
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const names = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0')
  return [...new Set(names)]
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

const trees = new WeakMap<SourceFile, Node>()

/** The syntax tree of a TypeScript file. */
export function treeOf(file: SourceFile): Node {
  let tree = trees.get(file)
  if (!tree) {
    const { program, errors } = parseSync(file.path, file.text)
    if (errors.length > 0) throw new Error(`${file.path}: ${errors[0]?.message}`)
    tree = program as unknown as Node
    trees.set(file, tree)
  }
  return tree
}

/** Calls `visit` for each node with the one it stands in. */
export function walk(node: Node, visit: (node: Node, parent: Node | undefined) => void, parent?: Node): void {
  visit(node, parent)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, visit, node)
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/** The text of a string literal. */
export function textOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined
}

/** The name of an identifier. */
export function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? (node['name'] as string) : undefined
}

/**
 * What a file names by path: imports and exports, types too, dynamic imports, and `new URL('./x', import.meta.url)`,
 * which is how a thread or a process is started.
 */
export function importsOf(file: SourceFile): string[] {
  const found: string[] = []
  walk(treeOf(file), (node) => {
    const named =
      node.type === 'TSImportType'
        ? textOf(node['argument'] ?? node['source'])
        : node.type === 'NewExpression' && nameOf(node['callee']) === 'URL'
          ? relativeText((node['arguments'] as unknown[])[0])
          : /^(Import|Export).*(Declaration|Expression)$/.test(node.type)
            ? textOf(node['source'])
            : undefined
    if (named !== undefined) found.push(named)
  })
  return found
}

function relativeText(node: unknown): string | undefined {
  const text = textOf(node)
  return text?.startsWith('.') ? text : undefined
}

/** The files of this project that a file imports, as paths from its root. */
export function localImportsOf(file: SourceFile): string[] {
  return importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => posix.normalize(posix.join(posix.dirname(file.path), name)))
}
