import { describe, expect, it } from 'vitest'
import { lovage, project } from './lovage.ts'

/** A worker whose one task runs until it is told to stop, or for two seconds. */
function workerProject(): string {
  return project({
    'tasks.mjs': `
      import { currentTask, lovage } from 'lovage'
      export const app = lovage('signals', { broker: 'embedded://' })
      app.task('wait', (ms) => new Promise((resolve) => {
        console.error('task begins')
        setTimeout(resolve, ms)
        currentTask().signal.addEventListener('abort', () => { console.error('task is aborted'); resolve() })
      }))
      app.on('workerReady', async () => void (await app.sendTask('wait', [process.env.WAIT_MS]).then(() => {})))
    `,
  })
}

async function begin(waitMs: number, ...options: string[]) {
  const args = ['worker', '-A', 'tasks.mjs', ...options]
  const child = lovage(args, { cwd: workerProject(), env: { WAIT_MS: String(waitMs) } })
  await child.line(/task begins/)
  return child
}

const patience = { timeoutMs: 60_000 }

describe('lovage worker', { timeout: 200_000 }, () => {
  it('ends what runs on SIGTERM, and goes with exit code 0', async () => {
    const child = await begin(1_000)
    child.signal('SIGTERM')
    expect(await child.ended(patience)).toMatchObject({ code: 0 })
    expect(child.lines.join('\n')).not.toContain('task is aborted')
  })

  it('cuts off what runs on SIGQUIT, and says so with exit code 130', async () => {
    const child = await begin(60_000)
    child.signal('SIGQUIT')
    expect(await child.ended(patience)).toMatchObject({ code: 130 })
    expect(child.lines.join('\n')).toContain('task is aborted')
  })

  it('waits for what runs on SIGQUIT as long as --soft-shutdown-timeout says', async () => {
    const child = await begin(1_500, '--soft-shutdown-timeout', '20')
    child.signal('SIGQUIT')
    expect(await child.ended(patience)).toMatchObject({ code: 0 })
    expect(child.lines.join('\n')).toMatch(/stopping soon/)
    expect(child.lines.join('\n')).not.toContain('task is aborted')
  })
})
