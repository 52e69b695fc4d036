// Puts the modules of src together in few files. Node takes about 0.2 ms and 30 KB for each module that it loads, and a worker
// has more than three hundred of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { rolldown } from 'rolldown'
import { parseAst } from 'rolldown/parseAst'
import { ROOT } from './steps.mjs'

const SOURCES = join(ROOT, 'src')
/** Where modules go that several files need; a name ends in what tells its content. */
const SHARED = 'shared'

/** @type {{ dependencies: object, peerDependencies: object, exports: object, bin: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const PACKAGES = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

/** What is started as a thread or a process of its own, and so is a file of its own. */
const STARTED = [
  'broker/embedded/owner/engine-thread',
  'cli/dev-child',
  'pool/child/process-main',
  'pool/child/thread-main',
  'pool/stall-thread',
]

/**
 * Who loads what: modules that are needed by the same of these share a file, so that each loads a handful of files and
 * nothing that it does not need. What none of these needs is split by rolldown.
 */
const LOADERS = {
  watch: ['pool/stall-thread'],
  child: ['pool/child/process-main', 'pool/child/thread-main'],
  engine: ['broker/embedded/owner/engine-thread'],
  client: ['index'],
  connection: ['app/open-client'],
  worker: ['worker/worker'],
}

/** The modules of src that are files of dist: what the package exports, its command, and what it starts. */
export function entriesOfPackage() {
  const exported = Object.values(manifest.exports).flatMap((given) =>
    typeof given === 'object' ? [given.default] : [],
  )
  const built = [...exported, ...Object.values(manifest.bin)].map((path) => /^\.\/dist\/(.+)\.js$/.exec(path)?.[1])
  return [...built.filter((name) => name !== undefined), ...STARTED]
}

/**
 * Writes entries and what they need into a folder, beside a source map each, and takes away the JavaScript that was there
 * of a build before. `keep` is a folder in it that is left alone.
 * @param {readonly string[]} entries modules of src, without their ending
 * @param {string} folder
 * @param {{ keep?: string }} [options]
 */
export async function bundle(entries, folder, { keep } = {}) {
  /** @type {Map<string, string>} */
  const needed = new Map()
  const bundled = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, `${join(SOURCES, name)}.ts`])),
    platform: 'node',
    tsconfig: false,
    transform: { target: 'es2023' },
    external: [/^node:/, ...PACKAGES.map((name) => new RegExp(`^${name}(/|$)`))],
    // A file of the package exports what its module does, and nothing else.
    preserveEntrySignatures: 'allow-extension',
    plugins: [ownUrls(entries), loaders(needed)],
    onLog(level, log) {
      // What is put in by `ownUrls` moves what follows on its line, and nothing else.
      if (level === 'warn' && log.code !== 'SOURCEMAP_BROKEN') throw new Error(`${log.code}: ${log.message}`)
    },
  })
  const { output } = await bundled.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${SHARED}/[name]-[hash].js`,
    sourcemap: true,
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'loaders', name: (id) => needed.get(id) ?? null }],
    },
  })
  await bundled.close()
  for (const made of output) {
    write(join(folder, made.fileName), made.type === 'chunk' ? escaped(made.code) : String(made.source))
  }
  const names = new Set(output.map(({ fileName }) => fileName))
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (/\.js(\.map)?$/.test(name) && !names.has(name) && !(keep && name.startsWith(keep))) rmSync(join(folder, name))
  }
}

/**
 * Keeps `import.meta.url` the URL that a module would have if it were a file of its own: files are found beside it.
 * @param {readonly string[]} entries
 * @returns {import('rolldown').Plugin}
 */
function ownUrls(entries) {
  return {
    name: 'own urls',
    transform(code, id) {
      if (!code.includes('import.meta.url')) return null
      const name = relative(SOURCES, id).replace(/\.ts$/, '.js')
      for (const [, started] of code.matchAll(/'\.\/([\w-]+)\.js'/g)) {
        const entry = join(dirname(name), String(started))
        if (!entries.includes(entry)) throw new Error(`${name} starts ${entry}, which is no file of the build`)
      }
      let written = code
      // From the end: what is put in is longer.
      for (const { start, end } of urlsIn(parseAst(code, { lang: 'ts' })).toReversed()) {
        written = `${written.slice(0, start)}OWN_URL(${JSON.stringify(name)})${written.slice(end)}`
      }
      return { code: written }
    },
    renderChunk(code, { fileName }) {
      const from = dirname(fileName)
      return code.replaceAll(/OWN_URL\("([^"]+)"\)/g, (_, /** @type {string} */ name) =>
        name === fileName
          ? 'import.meta.url'
          : `new URL(${JSON.stringify(relative(from, name).replace(/^(?!\.)/, './'))}, import.meta.url).href`,
      )
    },
  }
}

/**
 * Code whose texts are written in ASCII: V8 keeps a file with a single character beyond Latin-1 at two bytes for each of
 * its characters.
 * @param {string} code without comments
 */
function escaped(code) {
  const raw = /String\.raw`[^`]*[^\0-\x7f][^`]*`/.exec(code)
  if (raw) throw new Error(`a raw text cannot be written in ASCII: ${raw[0]}`)
  return code.replaceAll(/[^\0-\x7f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * Where a syntax tree has `import.meta.url`.
 * @param {unknown} node
 * @returns {{ start: number, end: number }[]}
 */
function urlsIn(node) {
  if (typeof node !== 'object' || node === null) return []
  const { type, object, property, start, end } = /** @type {any} */ (node)
  const isUrl = type === 'MemberExpression' && object.type === 'MetaProperty' && property.name === 'url'
  return isUrl ? [{ start, end }] : Object.values(node).flatMap(urlsIn)
}

/**
 * Finds for each module which of LOADERS need it from their start, as the name of the file that it goes to.
 * @param {Map<string, string>} needed
 * @returns {import('rolldown').Plugin}
 */
function loaders(needed) {
  return {
    name: 'loaders',
    buildEnd() {
      for (const [loader, modules] of Object.entries(LOADERS)) {
        const reached = new Set(modules.map((name) => `${join(SOURCES, name)}.ts`))
        for (const id of reached) {
          for (const next of this.getModuleInfo(id)?.importedIds ?? []) if (next.startsWith(SOURCES)) reached.add(next)
        }
        // What is started begins to work when it is loaded: whoever shared a file with it would do its work.
        for (const name of STARTED) reached.delete(`${join(SOURCES, name)}.ts`)
        for (const id of reached) needed.set(id, [needed.get(id), loader].filter(Boolean).join('-'))
      }
    },
  }
}

/**
 * Writes a file where it is another than the one that is there, at once: a process that starts meanwhile reads one of them.
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
