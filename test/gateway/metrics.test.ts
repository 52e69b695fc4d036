import { expect, test } from 'vitest'
import { ask, openApp, openGateway, posting, running, started } from './open-gateway.ts'

async function seriesOf(url: string): Promise<string[]> {
  const { status, headers, text } = await ask(`${url}/metrics`)
  expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  return text.split('\n')
}

test('counts requests by route and status, errors by code, and how long tasks queued and ran', async () => {
  const app = openApp()
  const sum = app.task('sum', (x: number, y: number) => x + y)
  const fail = app.task('fail', () => {
    throw new Error('no')
  })
  const opened = openGateway(app, { metrics: true })
    .get('/sum/:x/:y', sum, { args: ({ params }) => [Number(params.x), Number(params.y)] })
    .post('/fail', fail)
  const url = await running(app, opened)
  for (const y of [1, 2, 3]) await ask(`${url}/sum/1/${y}`)
  await ask(`${url}/fail`, posting('{}'))
  const read = (): Promise<string[]> => seriesOf(url)
  await expect
    .poll(read, { timeout: 60_000 })
    .toEqual(
      expect.arrayContaining([
        'lovage_http_requests_total{route="/sum/:x/:y",method="GET",status="200"} 3',
        'lovage_http_requests_total{route="/fail",method="POST",status="500"} 1',
        'lovage_http_errors_total{code="TASK_FAILED"} 1',
        'lovage_http_request_duration_seconds_count{route="/sum/:x/:y"} 3',
        'lovage_task_run_seconds_count{task="sum"} 3',
        'lovage_task_queue_seconds_count{task="sum"} 3',
        'lovage_tasks_sent 4',
        'lovage_tasks_not_sent 0',
        'lovage_http_requests_in_flight 0',
      ]),
    )
  expect((await read()).some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true)
})

test('whatever clients send, the number of series does not grow', async () => {
  const url = await started(openGateway(openApp(), { metrics: true }).handle('GET', '/page/:name', () => 'here'))
  const probe = async (from: number): Promise<void> => {
    for (let nth = from; nth < from + 20; nth++) {
      await ask(`${url}/page/${nth}?x=${nth}`)
      await ask(`${url}/nowhere/${nth}`)
      await ask(`${url}/page/${nth}`, { method: ['PROPFIND', 'MKCOL', 'REPORT', 'SEARCH'][nth % 4] as string })
    }
  }
  const names = async (): Promise<string[]> =>
    (await seriesOf(url)).filter((line) => line.startsWith('lovage_http')).map((line) => line.split('} ')[0] as string)
  await probe(0)
  await names()
  const before = await names()
  await probe(20)
  expect(await names()).toEqual(before)
  expect(before).toContain('lovage_http_requests_total{route="none",method="other",status="405"')
})

test('without the option nothing is told', async () => {
  expect((await ask(`${await started(openGateway(openApp()))}/metrics`)).status).toBe(404)
})
