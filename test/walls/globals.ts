import { nameOf, textOf, treeOf, walk, type Node, type SourceFile, type Violation } from './source.ts'

const CLOCK = 'src/base/clock.ts'
const SETTINGS = 'src/app/settings.ts'
const CLI = 'src/cli/'

/** Global functions that wait or repeat. */
const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'performance'])

/** Members of globals that read time or draw at random. */
const MEMBERS = new Set(['Date.now', 'Math.random', 'process.hrtime', 'process.uptime', 'AbortSignal.timeout'])
const RANDOM = /^(random(UUID|Bytes|Int|Fill|FillSync)|getRandomValues)$/
const TIME_MODULES = /^(node:)?(timers(\/promises)?|perf_hooks)$/

/** How a rule reads one node; returns what it found there, in words. */
type Look = (node: Node, parent: Node | undefined) => string | undefined

/** An identifier that stands for a value, not for a key or a member's name. */
function isReference(node: Node, parent: Node | undefined): boolean {
  if (node.type !== 'Identifier' || !parent) return false
  if (parent.type === 'MemberExpression') return parent['object'] === node || parent['computed'] === true
  if (/^(Property|MethodDefinition|PropertyDefinition|TSPropertySignature|TSMethodSignature)$/.test(parent.type)) {
    return parent['value'] === node && parent['key'] !== node
  }
  return !/^(ImportSpecifier|ExportSpecifier|TSQualifiedName|TSTypeReference|TSTypeQuery)$/.test(parent.type)
}

/** `object.name` for a member expression of two plain names, `globalThis.` in front left out. */
function memberOf(node: Node): [object: string, name: string] | undefined {
  if (node.type !== 'MemberExpression') return undefined
  const name = node['computed'] === true ? textOf(node['property']) : nameOf(node['property'])
  const inner = node['object'] as Node
  const object = nameOf(inner) ?? memberOf(inner)?.[1]
  return object !== undefined && name !== undefined ? [object, name] : undefined
}

/** The names that `const { a, b } = object` or `import { a, b } from 'node:object'` takes out of it. */
function takenFrom(node: Node, object: string): string[] {
  if (node.type === 'ImportDeclaration' && textOf(node['source'])?.replace(/^node:/, '') === object) {
    return (node['specifiers'] as Node[]).flatMap((specifier) => nameOf(specifier['imported']) ?? [])
  }
  const pattern = node['id'] as Node | undefined
  if (node.type === 'VariableDeclarator' && nameOf(node['init']) === object && pattern?.type === 'ObjectPattern') {
    return (pattern['properties'] as Node[]).flatMap((property) => nameOf(property['key']) ?? [])
  }
  return []
}

const timeAndChance: Look = (node, parent) => {
  const member = memberOf(node)
  if (member) {
    const [object, name] = member
    if (MEMBERS.has(`${object}.${name}`) || RANDOM.test(name)) return `${object}.${name}`
    if (object === 'globalThis' && TIMERS.has(name)) return name
  }
  if (isReference(node, parent) && TIMERS.has(nameOf(node) ?? '')) return nameOf(node)
  if (/^(New|Call)Expression$/.test(node.type) && nameOf(node['callee']) === 'Date') {
    if (node.type === 'CallExpression' || (node['arguments'] as unknown[]).length === 0) return 'the time by Date()'
  }
  if (node.type === 'ImportDeclaration' && TIME_MODULES.test(textOf(node['source']) ?? '')) {
    return textOf(node['source'])
  }
  return [...takenFrom(node, 'crypto'), ...takenFrom(node, 'webcrypto')].find((name) => RANDOM.test(name))
}

/** Finds `process.<name>` in any of its forms. */
const ofProcess =
  (...wanted: string[]): Look =>
  (node) => {
    const member = memberOf(node)
    if (member?.[0] === 'process' && wanted.includes(member[1])) return `process.${member[1]}`
    const taken = takenFrom(node, 'process').find((name) => wanted.includes(name))
    return taken && `process.${taken}`
  }

const console_: Look = (node, parent) => {
  if (memberOf(node)?.join('.') === 'globalThis.console') return 'console'
  return isReference(node, parent) && nameOf(node) === 'console'
    ? 'console'
    : ofProcess('stdout', 'stderr')(node, parent)
}

/** Files in `src` that `allowed` does not name and in which `look` finds something. */
function only(files: readonly SourceFile[], allowed: (path: string) => boolean, look: Look, rule: string): Violation[] {
  return files
    .filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts') && !allowed(path))
    .flatMap((file) => {
      const found = new Set<string>()
      walk(treeOf(file), (node, parent) => {
        const what = look(node, parent)
        if (what !== undefined) found.add(what)
      })
      return [...found].map((what) => ({ path: file.path, problem: `reads ${what}: ${rule}` }))
    })
}

/** Wall 5: one place each for time and chance, the command line, the environment, and the console. */
export function globals(files: readonly SourceFile[]): Violation[] {
  const inCli = (path: string): boolean => path.startsWith(CLI)
  return [
    ...only(files, (path) => path === CLOCK, timeAndChance, `only ${CLOCK} does; take a Clock`),
    ...only(files, inCli, ofProcess('argv', 'argv0'), 'only cli/ does'),
    ...only(files, (path) => inCli(path) || path === SETTINGS, ofProcess('env'), `only ${SETTINGS} and cli/ do`),
    ...only(files, inCli, console_, 'only cli/ prints; log() tells'),
  ]
}
