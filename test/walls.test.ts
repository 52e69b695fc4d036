import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { globals } from './walls/globals.ts'
import { pagesApart } from './walls/pages.ts'
import { leftwards, names, ROOMS, seams, strangers } from './walls/rooms.ts'
import { projectFiles, type SourceFile, type Violation } from './walls/source.ts'
import { foreign, length, LONGER, MOST_LINES } from './walls/text.ts'

const files = projectFiles(fileURLToPath(new URL('..', import.meta.url)))

type Rule = (files: readonly SourceFile[]) => Violation[]

/** What a rule says of one file that is not there. */
const found = (rule: Rule, path: string, text: string): string[] => rule([{ path, text }]).map(({ problem }) => problem)

/** Plants one violation after the other, each of which the rule must find, and things that are fine. */
function wall(name: string, rule: Rule, planted: Planted[], fine: Planted[]): void {
  describe(name, () => {
    it('stands', () => {
      expect(rule(files).map(({ path, problem }) => `${path} ${problem}`)).toEqual([])
    })
    it.each(planted)('is broken by $0: $1', (path, text) => {
      expect(found(rule, path, text)).toHaveLength(1)
    })
    it.each(fine)('is not broken by $0: $1', (path, text) => {
      expect(found(rule, path, text)).toEqual([])
    })
  })
}
type Planted = [path: string, text: string]

it('the walls look at the whole project', () => {
  expect(files.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['src/base/clock.ts', 'src/index.ts', 'test/walls.test.ts', 'package.json']),
  )
})

wall(
  'wall 1, imports run leftwards only',
  leftwards,
  [
    ['src/base/x.ts', "import { y } from '../protocol/y.ts'"],
    ['src/broker/amqp/x.ts', "import type { Y } from '../../backend/y.ts'"],
    ['src/broker/x.ts', "export * from '../app/y.ts'"],
    ['src/app/x.ts', "const y = await import('../cli/y.ts')"],
    ['src/app/x.ts', "type Y = import('../worker/y.ts').Y"],
    ['src/pool/x.ts', "new Worker(new URL('../worker/y.ts', import.meta.url))"],
    ['src/worker/x.ts', "import { y } from '../index.ts'"],
    ['src/worker/x.ts', "import { y } from '../../test/y.ts'"],
    ['src/index.ts', "export { gateway } from './gateway/gateway.ts'"],
    ['src/index.ts', "export { perform } from './pool/perform.ts'"],
    ['src/cellar/x.ts', ''],
    ['src/x.ts', ''],
  ],
  [
    ['src/cli/x.ts', "import { y } from '../worker/y.ts'"],
    ['src/broker/amqp/x.ts', "import { y } from '../../base/y.ts'; import { z } from './z.ts'"],
    ['src/base/x.ts', "// import { y } from '../cli/y.ts'\nconst text = \"import '../cli/y.ts'\""],
    ['src/index.ts', "export { lovage } from './app/app.ts'"],
  ],
)

it('every room has its place, also those not built yet', () => {
  const pairs = ROOMS.flatMap((left, index) => ROOMS.slice(index + 1).map((right) => [left, right] as const))
  for (const [left, right] of pairs) {
    expect(found(leftwards, `src/${left}/x.ts`, `import '../${right}/y.ts'`)).toHaveLength(1)
    expect(found(leftwards, `src/${right}/x.ts`, `import '../${left}/y.ts'`)).toEqual([])
  }
})

wall(
  'wall 2, the roles meet on the wire',
  strangers,
  [
    ['src/gateway/x.ts', "import { y } from '../worker/y.ts'"],
    ['src/dashboard/x.ts', "import type { Y } from '../supervisor/y.ts'"],
    ['src/beat/x.ts', "import { y } from '../worker/y.ts'"],
  ],
  [
    ['src/gateway/x.ts', "import { y } from '../app/y.ts'"],
    ['src/cli/x.ts', "import { y } from '../worker/y.ts'; import { z } from '../gateway/z.ts'"],
  ],
)

wall(
  'wall 3, kinds of one seam are strangers and only open.ts knows them',
  seams,
  [
    ['src/broker/amqp/x.ts', "import { y } from '../embedded/y.ts'"],
    ['src/broker/broker.ts', "import type { Y } from './amqp/y.ts'"],
    ['src/broker/dead-letters.ts', "import { y } from './amqp/y.ts'"],
    ['src/backend/rpc/x.ts', "import { y } from '../../broker/amqp/y.ts'"],
    ['src/worker/x.ts', "import { AsyncPool } from '../pool/async/async-pool.ts'"],
    ['src/backend/open.ts', "import { y } from '../broker/amqp/y.ts'"],
  ],
  [
    ['src/broker/open.ts', "import { y } from './amqp/y.ts'; import { z } from './embedded/z.ts'"],
    ['src/broker/amqp/x.ts', "import { y } from './y.ts'; import { z } from '../broker.ts'"],
    ['src/backend/rpc/x.ts', "import type { Broker } from '../../broker/broker.ts'"],
  ],
)

wall(
  'wall 4, names say what is in a file',
  names,
  [
    ['src/broker/index.ts', ''],
    ['src/base/utils.ts', ''],
    ['src/app/task-helpers.ts', ''],
    ['src/common/x.ts', ''],
    ['src/app/types.ts', ''],
    ['src/pool/manager.ts', ''],
    ['src/pool/poolSize.ts', ''],
  ],
  [
    ['src/index.ts', ''],
    ['src/app/task-typing.ts', ''],
    ['src/protocol/content.ts', ''],
    ['src/supervisor/web/page.css', ''],
  ],
)

wall(
  'wall 5, one place each for time and chance, the command line, the environment, the console',
  globals,
  [
    ['src/worker/x.ts', 'const now = Date.now()'],
    ['src/worker/x.ts', 'const now = new Date()'],
    ['src/worker/x.ts', 'const now = Date()'],
    ['src/worker/x.ts', 'const { now } = { now: performance.now }'],
    ['src/worker/x.ts', 'setTimeout(() => {}, 1)'],
    ['src/worker/x.ts', 'const later = globalThis.setImmediate'],
    ['src/worker/x.ts', 'take({ wait: setInterval })'],
    ['src/worker/x.ts', "import { setTimeout as delay } from 'node:timers/promises'"],
    ['src/worker/x.ts', 'const n = Math.random()'],
    ['src/worker/x.ts', "import { randomUUID } from 'node:crypto'"],
    ['src/worker/x.ts', 'const id = crypto.randomUUID()'],
    ['src/worker/x.ts', 'const at = process.hrtime.bigint()'],
    ['src/worker/x.ts', 'const signal = AbortSignal.timeout(5)'],
    ['src/worker/x.ts', 'const args = process.argv.slice(2)'],
    ['src/worker/x.ts', "const { HOME } = process.env; const x = process['env']"],
    ['src/worker/x.ts', 'const { env } = process'],
    ['src/worker/x.ts', "import { env } from 'node:process'"],
    ['src/app/settings.ts', 'const [first] = process.argv'],
    ['src/worker/x.ts', "console.log('here')"],
    ['src/worker/x.ts', "process.stderr.write('here')"],
  ],
  [
    ['src/base/clock.ts', 'const now = Date.now() + performance.now() + Math.random()'],
    ['src/worker/x.ts', 'const at = new Date(5).toISOString() + Date.UTC(2026, 1)'],
    ['src/worker/x.ts', 'socket.setTimeout(5); clock.random(); clearTimeout(t)'],
    ['src/worker/x.ts', 'interface Timer { setTimeout: number; performance: number }'],
    ['src/worker/x.ts', "import { createHash } from 'node:crypto'"],
    ['src/app/settings.ts', 'const { env } = process'],
    ['src/cli/main.ts', 'console.log(process.argv, process.env)'],
    ['test/x.test.ts', 'Date.now()'],
  ],
)

wall(
  'wall 6, no file is longer than 300 lines',
  length,
  [
    ['src/app/x.ts', '\n'.repeat(MOST_LINES + 1)],
    ['test/app/x.test.ts', `${'x\n'.repeat(MOST_LINES)}x`],
    ['scripts/x.mjs', '\n'.repeat(MOST_LINES + 1)],
  ],
  [
    ['src/app/x.ts', '\n'.repeat(MOST_LINES)],
    ['docs/x.md', '\n'.repeat(MOST_LINES + 1)],
  ],
)

it('a file on the list of longer files has a reason, and is longer', () => {
  expect(length([{ path: 'src/a.ts', text: '' }], { 'src/a.ts': 'a table' })).toHaveLength(1)
  for (const [path, reason] of Object.entries(LONGER)) {
    expect(reason).not.toBe('')
    expect(files.map((file) => file.path)).toContain(path)
  }
})

wall(
  'wall 7, the pages of the dashboard know the shapes of its API and nothing else of the server',
  pagesApart,
  [
    ['web/pages/x.tsx', "import { TOPICS } from '../../src/dashboard/api.ts'"],
    ['web/pages/x.tsx', "import type { Task } from '../../src/app/task.ts'"],
    ['web/live/x.ts', "import { readFileSync } from 'node:fs'"],
    ['web/live/x.ts', "await import('../../src/dashboard/server.ts')"],
    ['src/dashboard/x.ts', "import { y } from '../../web/live/y.ts'"],
  ],
  [
    [
      'web/pages/x.tsx',
      "import type { Overview } from '../../src/dashboard/api.ts'; import { y } from '../parts/y.tsx'",
    ],
    ['web/vite.config.ts', "import { fileURLToPath } from 'node:url'"],
    ['src/dashboard/x.ts', "import { y } from './y.ts'"],
  ],
)

wall(
  'the text of the project names no machine and not how it was made',
  foreign,
  [
    ['docs/x.md', ['see /wo', 'rk/main'].join('')],
    ['src/app/x.ts', ["import '../../../sha", "red/x.ts'"].join('')],
    ['README.md', ['Cla', 'ude'].join('')],
    ['test/x.test.ts', ['the sub-', 'session'].join('')],
  ],
  [
    ['docs/x.md', 'a session of amqp, the working set, a shared queue, a library'],
    ['src/worker/worker.ts', "import '../worker/work.ts'"],
  ],
)
