// Runs a TypeScript file in which `lovage` means the source of this project: node scripts/run-ts.mjs file.ts [arguments]
import { resolve } from 'node:path'
import { loadTypeScript } from './load-ts.mjs'

const [file = '', ...rest] = process.argv.slice(2)
process.argv.splice(1, Infinity, resolve(file), ...rest)
await loadTypeScript(resolve(file))
