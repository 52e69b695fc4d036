import { expect, it } from 'vitest'
import { freePort } from '../services/ports.ts'
import { project, run } from './lovage.ts'

const FILES = {
  'tasks.ts': `import { lovage } from 'lovage'
export const app = lovage('shop')
export const stuck = app.task('shop.stuck', { queue: 'stuck' }, () => 1)
`,
}

it('lovage why says the reason, what to do and what shows it; its exit codes tell whether there is one', async () => {
  const cwd = project(FILES)
  const shop = (...args: string[]): ReturnType<typeof run> => run([...args, '-A', 'tasks.ts'], { cwd })
  const sent = await shop('call', 'shop.stuck', '--no-wait')
  const id = sent.text.trim().split('\n').at(-1) ?? ''

  const { code, text } = await shop('why', id, '-t', '50ms')
  expect(text.split('\n')).toEqual([
    `${id}  PENDING`,
    '',
    'No worker reads stuck, in which it waits.',
    '  NO_WORKER_READS_QUEUE',
    '  next: Start a worker with `-Q stuck`',
    '  see:  lovage queues stuck',
    '',
    'Also:',
    '  It is the first in stuck (shop.stuck): who reads it takes it next. WAITING_IN_QUEUE',
  ])
  expect(code).toBe(0)

  const nobody = await shop('why', 'no-such-task', '-t', '50ms', '--json')
  expect(JSON.parse(nobody.text)).toMatchObject({
    id: 'no-such-task',
    state: 'PENDING',
    reasons: [{ code: 'UNKNOWN_ID', certainty: 'likely', fix: expect.any(String) }],
    unknown: [],
  })
  expect(nobody.code).toBe(4)

  const env = { LOVAGE_BROKER_URL: `redis://127.0.0.1:${await freePort()}/0` }
  const away = await run(['why', id], { env })
  expect(away.text).toMatch(/BROKER_UNREACHABLE\n {2}next: /)
  expect(away.code).toBe(1)
}, 400_000)
