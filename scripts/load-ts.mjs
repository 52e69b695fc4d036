// Loads TypeScript files in which `lovage` and its subpaths mean this project.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { ROOT } from './steps.mjs'

/** @type {{ compilerOptions: { paths: Record<string, [string]> } }} */
const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'))

/**
 * The exports of a TypeScript file.
 * @param {string} file
 * @param {{ built?: boolean }} [options] With `built`, `lovage` means dist, which is what users run and what is measured.
 * @returns {Promise<any>}
 */
export function loadTypeScript(file, { built = false } = {}) {
  const alias = Object.entries(compilerOptions.paths).map(([name, [path]]) => [
    name,
    join(ROOT, built ? path.replace('src', 'dist').replace(/\.ts$/, '.js') : path),
  ])
  return createJiti(import.meta.url, { alias: Object.fromEntries(alias) }).import(file)
}
