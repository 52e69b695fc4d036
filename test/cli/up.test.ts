import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../services/ports.ts'
import { lovage, project, run, write } from './lovage.ts'

const PATIENCE = { timeoutMs: 60_000 }

const TASKS = `
import { lovage } from 'lovage'
export const app = lovage('shop', { broker: 'embedded://' })
export const add = app.task('shop.add', (x, y) => x + y)
// As many a module does as it is loaded.
console.log('tasks of the shop')
`
const GATEWAY = `
import { gateway } from 'lovage/gateway'
import { add, app } from './tasks.js'
export default gateway(app).get('/add/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.y)] })
`
const BEAT = `
import { beat, every } from 'lovage/beat'
import { add, app } from './tasks.js'
export default beat(app, { tick: every('1h', add.s(1, 1)) })
`
const configOf = (workers: number, port: number): string => `
import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.js',
  processes: {
    web: { run: 'gateway', module: './gateway.js', port: ${port} },
    worker: { run: 'worker', count: ${workers}, concurrency: 5 },
    beat: { run: 'beat', module: './beat.js' },
  },
})
`

test(
  'lovage up keeps all processes of the configuration, and lovage ctl steers them',
  { timeout: 500_000 },
  async () => {
    const port = await freePort()
    const folder = project({
      'tasks.js': TASKS,
      'gateway.js': GATEWAY,
      'beat.js': BEAT,
      'lovage.config.js': configOf(2, port),
    })
    const options = { cwd: folder, env: { LOVAGE_HOME: join(folder, 'home') } }
    const ctl = (...args: string[]): ReturnType<typeof run> => run(['ctl', ...args], options)
    const up = lovage(['up'], options)
    try {
      for (const name of ['web', 'worker:worker_0', 'worker:worker_1', 'beat'])
        await up.line(`${name} is ready`, PATIENCE)
      await up.line(/keeps alive what lovage.config.js names: beat, web, worker \(2\)/, PATIENCE)
      await up.line(/^worker_0 +\| .*worker_0@.*5 at once/, PATIENCE)
      const answer = await fetch(`http://127.0.0.1:${port}/add/1/2`)
      expect(await answer.text()).toContain('3')

      const status = await ctl('status')
      expect(status).toMatchObject({ code: 0, text: expect.stringMatching(/^(?:\S+ +RUNNING +pid .*\n?){4}$/) })
      const second = await run(['up'], options)
      expect(second).toMatchObject({ code: 1, text: expect.stringContaining('SUPERVISOR_CANNOT') })

      const rolling = lovage(['ctl', 'rolling-restart', 'worker:*'], options)
      expect(await rolling.ended({ timeoutMs: 180_000 })).toMatchObject({ code: 0 })
      expect(rolling.lines).toEqual(['worker:worker_0: restarted', 'worker:worker_1: restarted'])

      write(folder, { 'lovage.config.js': configOf(1, port) })
      expect(await ctl('reread')).toEqual({ code: 0, text: 'worker: changed' })
      write(folder, { 'lovage.config.js': 'export default {' })
      expect(await ctl('reread')).toMatchObject({
        code: 1,
        text: expect.stringMatching(/^ERROR: CANT_REREAD: .*lovage\.config\.js/),
      })
      up.signal('SIGTERM')
      expect(await up.ended(PATIENCE)).toMatchObject({ code: 0 })
    } finally {
      await up.kill()
    }
  },
)

test('what lives in the memory of one process cannot be several', { timeout: 120_000 }, async () => {
  const folder = project({
    'tasks.js': TASKS.replace('embedded://', 'memory://shop'),
    'lovage.config.js': "export default { app: './tasks.js' }",
  })
  const ended = await run(['up'], { cwd: folder, env: { LOVAGE_HOME: join(folder, 'home') } })
  expect(ended).toMatchObject({ code: 1, text: expect.stringContaining('`lovage up`') })
})
