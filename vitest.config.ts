import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> }
}

/** `lovage` and its subpaths mean the source, as they do for the type checker: one table, read from there. */
const alias = Object.entries(compilerOptions.paths).map(([name, [path]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(path, import.meta.url)),
}))

export default defineConfig({
  resolve: {
    alias: [
      ...alias,
      { find: /^fast-check$/, replacement: fileURLToPath(new URL('test/services/fast-check.ts', import.meta.url)) },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/services/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // A signal that never comes fails a test after this long; nothing waits for time to pass. Longer than any wait within
    // a test, which says what it waited for; long enough for a machine whose cores others use as well.
    testTimeout: 120_000,
    hookTimeout: 150_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: 'tsconfig.json',
    },
  },
})
