import { AsyncLocalStorage } from 'node:async_hooks'
import { context, propagation, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { chain, group } from '../../src/app/canvas.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { traceWithOpenTelemetry } from '../../src/app/opentelemetry.ts'
import { onLog, type LogRecord } from '../../src/base/log.ts'
import { ask, openApp, openGateway, running } from './open-gateway.ts'

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACE = { traceparent: `00-${ID}-00f067aa0ba902b7-01`, tracestate: 'vendor=value' }

const here = (): unknown => currentTask().trace ?? null

test('the trace of a request goes on in its task, in what that sends, and in what follows it', async () => {
  const app = openApp()
  const leaf = app.task('leaf', here)
  const next = app.task('next', (before: unknown) => [before, here()])
  const sends = app.task('sends', async () => {
    const all = group([leaf.s(), leaf.s()])
    return [here(), await leaf.delay().get(), await chain(leaf.s(), next.s()).delay().get(), await all.delay().get()]
  })
  const url = await running(app, openGateway(app).get('/sends', sends))
  const { json } = await ask(`${url}/sends`, { headers: TRACE })
  expect(json).toEqual({ results: [TRACE, TRACE, [TRACE, TRACE], [TRACE, TRACE]] })
  expect((await ask(`${url}/sends`)).json).toEqual({ results: [null, null, [null, null], [null, null]] })
})

test('the trace survives a retry, and headers of the route win', async () => {
  const app = openApp()
  const again = app.task('again', () => {
    const { retries, retry, trace: own } = currentTask()
    if (retries === 0) throw retry({ countdown: 0 })
    return own
  })
  const plain = app.task('plain', here)
  const other = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` }
  const web = openGateway(app)
    .get('/again', again)
    .get('/plain', plain, { send: { headers: other } })
  const url = await running(app, web)
  expect((await ask(`${url}/again`, { headers: TRACE })).json).toEqual({ results: TRACE })
  const { results } = (await ask(`${url}/plain`, { headers: TRACE })).json as { results: object }
  expect(results).toMatchObject(other)
})

test.each([
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${ID}-${'0'.repeat(16)}-01`,
  `ff-${ID}-00f067aa0ba902b7-01`,
  `00-${ID.toUpperCase()}-00f067aa0ba902b7-01`,
  `00-${ID}-00f067aa0ba902b7-01-more`,
  'nothing',
])('%s is no trace, and goes nowhere', async (traceparent) => {
  const app = openApp()
  const url = await running(app, openGateway(app).get('/here', app.task('here', here)))
  expect((await ask(`${url}/here`, { headers: { traceparent } })).json).toEqual({ results: null })
})

test('a later version of the form is passed on as it came', async () => {
  const app = openApp()
  const url = await running(app, openGateway(app).get('/here', app.task('here', here)))
  const traceparent = `cc-${ID}-00f067aa0ba902b7-01-what-the-future-holds`
  expect((await ask(`${url}/here`, { headers: { traceparent } })).json).toEqual({ results: { traceparent } })
})

test('the lines of the gateway and of the worker have the id of the trace, and no secrets', async () => {
  const lines: LogRecord[] = []
  onTestFinished(onLog((record) => void (/^(request|task done)$/.test(record.message) && lines.push(record))))
  const app = openApp()
  const url = await running(app, openGateway(app).get('/here', app.task('here', here)))
  const headers = { ...TRACE, authorization: 'Bearer hidden-1', cookie: 'session=hidden-2' }
  await ask(`${url}/here?access_token=hidden-3&page=2&password=hidden-4`, { headers })
  await expect.poll(() => lines.length, { timeout: 60_000 }).toBe(2)
  expect(lines.map(({ fields }) => fields?.['trace'])).toEqual([ID, ID])
  expect(JSON.stringify(lines)).not.toContain('hidden')
  expect(JSON.stringify(lines)).toContain('page=2')
})

describe('with OpenTelemetry', () => {
  /** What an SDK for Node brings along. */
  class Contexts implements ContextManager {
    readonly #storage = new AsyncLocalStorage<Context>()

    active(): Context {
      return this.#storage.getStore() ?? ROOT_CONTEXT
    }

    with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
      given: Context,
      fn: F,
      self?: ThisParameterType<F>,
      ...args: A
    ): ReturnType<F> {
      return this.#storage.run(given, () => fn.call(self as never, ...args))
    }

    bind<T>(_given: Context, target: T): T {
      return target
    }

    enable(): this {
      return this
    }

    disable(): this {
      return this
    }
  }

  afterEach(() => {
    trace.disable()
    context.disable()
    propagation.disable()
  })

  test('sending and running make spans, each under the one that it belongs to', async () => {
    const exporter = new InMemorySpanExporter()
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
    context.setGlobalContextManager(new Contexts())
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    onTestFinished(traceWithOpenTelemetry())

    const app = openApp()
    const leaf = app.task('leaf', () => {
      throw new TypeError('no leaf')
    })
    const root = app.task('root', async () => {
      await (await leaf.delay()).outcome()
      return 'done'
    })
    const url = await running(app, openGateway(app).get('/root', root))
    expect((await ask(`${url}/root`, { headers: TRACE })).text).toBe('{"results":"done"}')

    await expect.poll(() => exporter.getFinishedSpans().length, { timeout: 60_000 }).toBe(4)
    const spans = new Map(exporter.getFinishedSpans().map((span) => [span.name, span]))
    const parentOf = (name: string): string | undefined => spans.get(name)?.parentSpanContext?.spanId
    const idOf = (name: string): string | undefined => spans.get(name)?.spanContext().spanId
    expect([...spans.values()].map((span) => span.spanContext().traceId)).toEqual([ID, ID, ID, ID])
    expect(parentOf('apply_async/root')).toBe('00f067aa0ba902b7')
    expect(parentOf('run/root')).toBe(idOf('apply_async/root'))
    expect(parentOf('apply_async/leaf')).toBe(idOf('run/root'))
    expect(parentOf('run/leaf')).toBe(idOf('apply_async/leaf'))
    expect(spans.get('run/leaf')).toMatchObject({
      status: { message: 'no leaf' },
      attributes: { 'celery.task_name': 'leaf', 'celery.action': 'run' },
    })
  })
})
