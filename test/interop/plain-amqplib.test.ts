import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lovage, type App } from '../../src/index.ts'
import { worker, type Worker } from '../../src/worker/worker.ts'
import { startChild } from '../services/child.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { PATIENT } from '../services/patience.ts'

const DOCUMENT = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8')

describeWith(['rabbitmq'], 'a producer with nothing but amqplib', () => {
  let url: string
  let app: App
  let running: Worker
  let folder: string

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
    app = lovage('plain', { broker: url, ...PATIENT })
    app.task('hello.add', (x: number, y: number) => x + y)
    running = worker(app)
    await running.start()
    folder = mkdtempSync(join(tmpdir(), 'lovage-plain-'))
    symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  })

  afterAll(async () => {
    await running?.stop()
    await app?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('written as docs/wire.md says has its task run and gets the documented result', async () => {
    const script = /```js send\.mjs\n([^]*?)```/.exec(DOCUMENT)?.[1]
    writeFileSync(join(folder, 'send.mjs'), script ?? '')
    const sender = startChild(process.execPath, ['send.mjs'], { cwd: folder, env: { BROKER: url } })
    const line = await sender.line(/task_id/)
    expect(await sender.ended()).toEqual({ code: 0, signal: null })
    expect(JSON.parse(line)).toEqual({
      task_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'SUCCESS',
      result: 5,
      traceback: null,
      children: [],
    })
  })
})
