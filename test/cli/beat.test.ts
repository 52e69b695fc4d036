import { afterEach, expect, test } from 'vitest'
import type { Child } from '../services/child.ts'
import { lovage, project, run } from './lovage.ts'

const FILES = {
  'tasks.ts': `import { lovage } from 'lovage'
export const app = lovage('shop', { broker: 'embedded://', store: 'embedded://' })
export const call = app.task('shop.call', (what: string) => console.log('ran ' + what))
`,
  'beat.ts': `import { beat, crontab, every } from 'lovage/beat'
import { app, call } from './tasks.ts'
export default beat(app, {
  tick: every('1s', call.s('tick')),
  nightly: crontab('30 2 * * *', call.s('nightly'), { timezone: 'Asia/Shanghai' }),
})
`,
  'lovage.config.ts': `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { worker: { run: 'worker' }, clock: { run: 'beat', module: './beat.ts' } },
})
`,
}

const children: Child[] = []

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
})

function start(args: readonly string[], cwd: string): Child {
  const child = lovage(args, { cwd })
  children.push(child)
  return child
}

const SLOW = { timeoutMs: 60_000 }

test('Workers with -B send each tick once, and are steered from elsewhere', { timeout: 400_000 }, async () => {
  const cwd = project(FILES)
  const shop = async (...args: string[]): Promise<string> => {
    const { code, text } = await run(['beat', ...args], { cwd })
    expect(code, text).toBe(0)
    return text
  }
  const workers = [start(['worker', '-B', '-n', 'one'], cwd), start(['worker', '-B', '-n', 'two'], cwd)]
  for (const worker of workers) await worker.line(/^ {2}beat +2 entries in the code/, SLOW)
  const ran = (what: string): number =>
    workers.flatMap(({ lines }) => lines).filter((line) => line === `ran ${what}`).length
  const someRan = (what: string): Promise<unknown> =>
    Promise.any(workers.map((worker) => worker.line(`ran ${what}`, { ...SLOW, from: worker.lines.length })))
  for (let ticks = 0; ticks < 3; ticks++) await someRan('tick')

  expect(await shop('pause', 'tick')).toBe('tick is paused')
  const id = await shop('run', 'nightly')
  expect(id).toMatch(/^[-0-9a-f]{36}$/)
  await Promise.any(workers.map((worker) => worker.line('ran nightly', SLOW)))

  const [nightly, tick] = JSON.parse(await shop('list', '--json')) as Record<string, unknown>[]
  expect(nightly).toMatchObject({ name: 'nightly', schedule: '30 2 * * *', runs: 1, last: { id } })
  expect(tick).toMatchObject({ name: 'tick', schedule: 'every 1s', isPaused: true, next: null })
  await expect.poll(() => [ran('tick'), ran('nightly')]).toEqual([tick?.['runs'], 1])

  const coming = (await shop('next', '2')).split('\n')
  expect(coming[1]).toMatch(/^nightly +\d{4}-\d\d-\d\d 02:30:00 +Asia\/Shanghai +\d{4}-\d\d-\d\d 18:30:00$/)
  const listed = await shop('list')
  expect(listed).toMatch(/^tick +every 1s +UTC +shop\.call +\S.* ago +- +\d+ +paused$/m)

  expect(await shop('resume', 'tick')).toMatch(/^tick goes on, next at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
  await someRan('tick')

  const unknown = await run(['beat', 'pause', 'tik'], { cwd })
  expect(unknown.code).toBe(1)
  expect(unknown.text).toContain('have no entry tik')
  expect(unknown.text).toContain('Did you mean tick?')

  for (const worker of workers) worker.signal('SIGTERM')
  for (const worker of workers) expect((await worker.ended(SLOW)).code).toBe(0)
})

test('`lovage dev` runs the beat of the configuration too', { timeout: 300_000 }, async () => {
  const dev = start(['dev', '--no-reload'], project(FILES))
  await dev.line(/^ {2}beat +2 entries in the code/, SLOW)
  await dev.line('ran tick', SLOW)
  dev.signal('SIGINT')
  expect((await dev.ended(SLOW)).code).toBe(0)
})

test('`lovage beat` alone sends for workers elsewhere, and goes when it is told to', { timeout: 300_000 }, async () => {
  const cwd = project(FILES)
  const beat = start(['beat', '-A', 'beat.ts'], cwd)
  await beat.line(/^ {2}beat +2 entries in the code/, SLOW)
  const worker = start(['worker'], cwd)
  await worker.line('ran tick', SLOW)
  beat.signal('SIGTERM')
  expect((await beat.ended(SLOW)).code).toBe(0)
})

test('Without a beat the command says what to write', { timeout: 300_000 }, async () => {
  const { code, text } = await run(['worker', '-B', '-A', 'tasks.ts'], { cwd: project(FILES) })
  expect(code).toBe(1)
  expect(text).toContain('has no beat')
  expect(text).toContain("run: 'beat'")
})

test('`lovage doctor` reads the entries of the code', { timeout: 300_000 }, async () => {
  const doctor = async (beat: string): Promise<string> =>
    (await run(['doctor'], { cwd: project({ ...FILES, 'beat.ts': beat }) })).text
  expect(await doctor(FILES['beat.ts'])).toMatch(/✓ +beat shop +2 in the code, 0 in the ledger, 0 paused/)
  const bad = await doctor(FILES['beat.ts'].replace("'30 2 * * *'", "'30 2 31 2 *'"))
  expect(bad).toMatch(/✗ +beat shop +The schedule of nightly cannot be kept: dayOfMonth names days/)
  expect(await doctor('export default 5')).toMatch(/✗ +beat +Module .*its default export is no beat/)
})

test('Options of Celery that are not taken are refused by name', async () => {
  const { code, text } = await run(['beat', '-S', 'django'], { cwd: project(FILES) })
  expect(code).toBe(2)
  expect(text).toContain('-S, --scheduler <name> of Celery is not taken')
})
