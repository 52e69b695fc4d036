import { importsOf, localImportsOf, textOf, treeOf, walk, type SourceFile, type Violation } from './source.ts'

/** What the server and its pages share: shapes. */
const SHAPES = /^src\/dashboard\/(action-api|api|api-tasks|api-fleet)\.ts$/

/** The one file of `web/` that runs in Node: it tells how the pages are built. */
const BUILD = 'web/vite.config.ts'

/** The local imports of a file that are of types alone. */
function typesOnly(file: SourceFile): Set<string> {
  const found = new Set<string>()
  walk(treeOf(file), (node) => {
    const source = textOf(node['source'])
    if (node.type === 'ImportDeclaration' && node['importKind'] === 'type' && source !== undefined) found.add(source)
  })
  return found
}

/** Wall 7: what runs in the browser takes types of the API's shapes from `src/`, nothing of Node; `src/` takes nothing of it. */
export function pagesApart(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) => {
    const { path } = file
    if (path.startsWith('src/') && path.endsWith('.ts')) {
      const wrong = localImportsOf(file).filter((to) => to.startsWith('web/'))
      return wrong.map((to) => ({ path, problem: `imports ${to}, which runs in the browser` }))
    }
    if (!/^web\/.*\.tsx?$/.test(path) || path === BUILD) return []
    const types = typesOnly(file)
    return importsOf(file).flatMap((name) => {
      if (name.startsWith('node:')) return [{ path, problem: `imports ${name}, which no browser has` }]
      const [to] = localImportsOf({ path, text: `import '${name}'` })
      if (to === undefined || to.startsWith('web/')) return []
      return SHAPES.test(to) && types.has(name)
        ? []
        : [{ path, problem: `imports ${to}: only types of the API's shapes` }]
    })
  })
}
