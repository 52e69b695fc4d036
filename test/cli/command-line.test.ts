import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { project, ROOT, run, write } from './lovage.ts'

const COMMANDS = [
  'dev',
  'worker',
  'gateway',
  'call',
  'result',
  'queues',
  'purge',
  'dead',
  'doctor',
  'status',
  'inspect',
  'control',
  'supervise',
]

describe('lovage --version', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect(await run(['--version'])).toEqual({ code: 0, text: version })
  })
})

describe('lovage --help', () => {
  it('names every command', async () => {
    const { code, text } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(text).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  it('is what comes of no arguments at all', async () => {
    const { code, text } = await run([])
    expect(code).toBe(0)
    expect(text).toContain('Usage: lovage')
  })

  it.each(COMMANDS)('shows examples of %s', async (command) => {
    const { code, text } = await run([command, '--help'])
    expect(code).toBe(0)
    expect(text).toMatch(new RegExp(`Examples:\\n  \\$ .*lovage ${command}`))
  })
})

describe('a wrong command line', () => {
  type Wrong = [what: string, args: string[], expected: RegExp, env?: Record<string, string>]
  it.each<Wrong>([
    ['an unknown command', ['wroker'], /unknown command 'wroker'[^]*Did you mean worker\?/],
    ['an unknown option', ['call', 'shop.add', '--quue', 'x'], /unknown option '--quue'[^]*Did you mean --queue\?/],
    [
      'an unknown option of a subcommand',
      ['dead', 'list', 'celery', '--limt', '3'],
      /unknown option '--limt'[^]*--limit/,
    ],
    ['a missing argument', ['purge'], /missing required argument 'queue'/],
    ['a port that is none', ['gateway', '--port', '70000'], /--port[^]*from 0 .* to 65535/],
    [
      'a port in the environment that is none',
      ['gateway'],
      /from env 'LOVAGE_PORT'[^]*from 0 .* to 65535/,
      { LOVAGE_PORT: 'http' },
    ],
    ['a concurrency of zero', ['worker', '-c', '0'], /--concurrency[^]*whole number from 1/],
    ['a pool that is none', ['worker', '-P', 'fibers'], /--pool[^]*async/],
    ['a level that is none', ['worker', '-l', 'loud'], /--loglevel[^]*warning/],
    ['arguments that are not JSON', ['call', 'shop.add', '--args', '[1'], /--args[^]*not JSON/],
    [
      'two sources of the app',
      ['doctor', '-A', 'tasks.ts', '--config', 'lovage.config.ts'],
      /--config[^]*cannot be used with[^]*--app/,
    ],
  ])('%s ends with exit code 2, what is wrong, and what to do next', async (_what, args, expected, env = {}) => {
    const { code, text } = await run(args, { env })
    expect(text).toMatch(expected)
    expect(text).toMatch(/next: .*--help/)
    expect(code).toBe(2)
  })

  it.each([
    ['--pidfile=worker.pid', 'systemd'],
    ['-b=amqp://', 'LOVAGE_BROKER_URL'],
    ['--loader=x', 'Drop it'],
    ['-D', 'systemd'],
    ['--logfile=worker.log', '2>lovage.log'],
  ])('%s of Celery is refused with what to use instead', async (option, instead) => {
    const { code, text } = await run(['worker', option])
    expect(text).toContain('of Celery is not taken')
    expect(text).toContain(instead)
    expect(code).toBe(2)
  })
})

describe('a lovage that is installed globally', () => {
  it('lets the copy of the project do the work', async () => {
    const cwd = project({})
    rmSync(join(cwd, 'node_modules/lovage'))
    write(cwd, {
      'node_modules/lovage/package.json': '{ "name": "lovage", "version": "9.9.9", "type": "module" }',
      'node_modules/lovage/dist/cli/main.js':
        "console.log('the copy of the project:', process.argv.slice(2).join(' '))",
    })
    expect(await run(['queues', '--debug'], { cwd })).toEqual({
      code: 0,
      text: 'the copy of the project: queues --debug',
    })
  })
})

describe('errors', () => {
  it('say what is wrong, what to do next and the code, without a stack', async () => {
    const { code, text } = await run(['worker'])
    expect(text).toMatch(
      /^✗ No configuration found: .*\n  next: Write a lovage\.config\.ts.*\n  code: CONFIG_NOT_FOUND/,
    )
    expect(text).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  it('are the same when -A stands before the command, as in Celery', async () => {
    const { code, text } = await run(['-A', 'nothing.ts', 'worker'])
    expect(text).toMatch(/✗ No configuration found: there is no module nothing\.ts/)
    expect(code).toBe(1)
  })

  it('show their stack with --debug', async () => {
    const { text } = await run(['worker', '--debug'])
    expect(text).toMatch(/^\s+at /m)
  })

  it('place what a module throws by file and line', async () => {
    const cwd = project({
      'tasks.ts': "import { lovage } from 'lovage'\nexport const app = lovage('x')\nthrow new Error('no luck')\n",
    })
    const { code, text } = await run(['worker', '-A', 'tasks.ts'], { cwd })
    expect(text).toMatch(/✗ Module .*tasks\.ts could not be loaded: no luck/)
    expect(text).toMatch(/tasks\.ts:3/)
    expect(text).toContain('MODULE_FAILED')
    expect(code).toBe(1)
  })

  it('name the module that exports no app', async () => {
    const cwd = project({ 'tasks.ts': 'export const nothing = 1\n' })
    const { code, text } = await run(['worker', '-A', 'tasks.ts'], { cwd })
    expect(text).toContain('it exports no app')
    expect(code).toBe(1)
  })
})

describe('a broker in the memory of one process', () => {
  const tasks =
    "import { lovage } from 'lovage'\nexport const app = lovage('x')\nexport const noop = app.task('x.noop', () => 1)\n"

  it.each([
    ['worker', ['worker']],
    ['call', ['call', 'x.noop']],
    ['queues', ['queues']],
    ['purge', ['purge', 'celery', '--yes']],
    ['dead', ['dead', 'list', 'celery']],
  ])('is refused by %s, with what to use instead', async (_name, args) => {
    const cwd = project({ 'tasks.ts': tasks })
    const env = { LOVAGE_BROKER_URL: 'memory://x' }
    const { code, text } = await run([...args, '-A', 'tasks.ts'], { cwd, env })
    expect(text).toContain('needs a broker that several processes share')
    expect(text).toMatch(/next: .*LOVAGE_BROKER_URL=embedded:\/\//)
    expect(text).toContain('CAPABILITY_MISSING')
    expect(code).toBe(1)
  })

  it('is refused for results too, where the broker is shared: they would never arrive', async () => {
    const cwd = project({ 'tasks.ts': tasks })
    const env = { LOVAGE_BROKER_URL: 'amqp://127.0.0.1:1/', LOVAGE_RESULT_BACKEND: 'memory://x' }
    const { code, text } = await run(['worker', '-A', 'tasks.ts'], { cwd, env })
    expect(text).toContain('needs a result backend that several processes share')
    expect(text).toMatch(/next: .*LOVAGE_RESULT_BACKEND=rpc:\/\//)
    expect(code).toBe(1)
  })
})
