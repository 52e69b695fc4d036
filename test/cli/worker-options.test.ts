import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import type { WorkerProcess } from '../../src/app/config.ts'
import { lovage as makeApp } from '../../src/index.ts'
import { addWorkerOptions, workerChoice } from '../../src/cli/worker-options.ts'
import { lovage, project } from './lovage.ts'

function choice(args: readonly string[], configured?: WorkerProcess) {
  const command = addWorkerOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  command.parse([...args], { from: 'user' })
  const app = makeApp('flags', {}, { env: {} })
  return workerChoice({ ...command.opts(), loglevel: 'info', logFormat: 'text' }, configured, { app, taskFiles: [] })
}

describe('the options of a worker', () => {
  it('are Celery’s, in its units', () => {
    const args =
      '-Q a,b -c 4 -P prefork --max-tasks-per-child 10 --max-memory-per-child=2048 --time-limit 1.5 --soft-time-limit=1'
    expect(choice(args.split(' '))).toMatchObject({
      queues: ['a', 'b'],
      concurrency: 4,
      pool: 'prefork',
      maxTasksPerChild: 10,
      maxMemoryPerChild: 2048 * 1024,
      timeLimit: 1_500,
      softTimeLimit: 1_000,
    })
  })

  it('name how many messages it takes, and how large its pool is', () => {
    expect(choice(['-O', 'fair', '--autoscale=10,3'])).toMatchObject({ fair: true, autoscale: { max: 10, min: 3 } })
    expect(choice(['-O', 'default', '--autoscale=3,10'])).toMatchObject({
      fair: undefined,
      autoscale: { max: 10, min: 3 },
    })
    expect(choice(['--prefetch-multiplier', '0', '--autoscale=4'])).toMatchObject({
      prefetchMultiplier: 0,
      autoscale: { max: 4, min: 1 },
    })
  })

  it('and ours, with units where there are some', () => {
    const args = '--per-child 3 --prefetch 9 --grace-period 2m --soft-shutdown-timeout 10s'
    expect(choice(args.split(' '))).toMatchObject({
      perChild: 3,
      prefetch: 9,
      gracePeriod: 120_000,
      softShutdownTimeout: 10_000,
    })
  })

  it('are Celery’s, of how much is taken at a time and how large the pool is', () => {
    expect(choice('-Ofair --autoscale=10,3'.split(' '))).toMatchObject({ fair: true, autoscale: { max: 10, min: 3 } })
    expect(choice('--prefetch-multiplier 0 -O default'.split(' '))).toMatchObject({
      prefetchMultiplier: 0,
      fair: undefined,
    })
    expect(choice(['--disable-prefetch', '--disable-rate-limits'])).toMatchObject({
      fair: true,
      disableRateLimits: true,
    })
    expect(choice(['--autoscale', '5,0']).autoscale).toEqual({ max: 5, min: 1 })
    const configured = { run: 'worker', concurrency: 7 } as const
    expect(choice(['--autoscale', '5'], configured)).toMatchObject({
      autoscale: { max: 5, min: 1 },
      concurrency: undefined,
    })
    for (const wrong of ['--autoscale=x', '--prefetch-multiplier=1.5', '-Oslow']) {
      expect(() => choice([wrong])).toThrow(/invalid|first|whole/i)
    }
  })

  it('win over the configuration', () => {
    const configured = { run: 'worker', queues: ['a', 'b', 'c'], concurrency: 7 } as const
    expect(choice([], configured)).toMatchObject({ queues: ['a', 'b', 'c'], concurrency: 7 })
    expect(choice(['-c', '2'], configured)).toMatchObject({ concurrency: 2 })
    expect(choice(['-X', 'b'], configured)).toMatchObject({ queues: ['a', 'c'] })
  })

  it('that exclude every queue are refused', () => {
    expect(() => choice(['-Q', 'a', '-X', 'a'])).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('lovage worker', { timeout: 200_000 }, () => {
  it('loads the modules of -I, and drops with --purge what waited', async () => {
    const cwd = project({
      'tasks.mjs': `
        import { lovage } from 'lovage'
        export const app = lovage('more', { broker: 'embedded://' })
        app.on('workerInit', () => app.sendTask('more.first'))
        app.on('workerReady', () => app.sendTask('more.second'))`,
      'more.mjs': `
        import { app } from './tasks.mjs'
        app.task('more.first', () => {})
        app.task('more.second', () => {})
        await app.sendTask('more.first')`,
    })
    const child = lovage(['worker', '-A', 'tasks.mjs', '-I', 'more.mjs', '--purge'], { cwd })
    await child.line(/dropped from celery: 1/)
    await child.line(/more\.second/)
    child.signal('SIGTERM')
    expect(await child.ended({ timeoutMs: 60_000 })).toMatchObject({ code: 0 })
  })
})
