// Runs a TypeScript file in which `lovage` means the source of this project, or with --built what was built of it:
// node scripts/run-ts.mjs [--built] file.ts [arguments]
import { resolve } from 'node:path'
import { loadTypeScript } from './load-ts.mjs'

const given = process.argv.slice(2)
const built = given[0] === '--built'
const [file = '', ...rest] = built ? given.slice(1) : given
process.argv.splice(1, Infinity, resolve(file), ...rest)
await loadTypeScript(resolve(file), { built })
