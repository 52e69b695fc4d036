import { context, propagation, SpanKind, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api'
import { Ignore, Retry } from './control-flow.ts'
import { setTracer, type Tracer } from './tracer.ts'
import { messageOf } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { plainHeader, type Headers } from '../protocol/headers.ts'

/**
 * Has sending and running tasks make spans of OpenTelemetry, with the names and attributes of its instrumentation of
 * Celery: `apply_async/<task>` (producer) and `run/<task>` (consumer). Call it where the tasks are defined, so that the
 * children of a pool are traced too; which spans are kept, and where they go, is up to the SDK that you have set up. The
 * returned function ends it.
 */
export function traceWithOpenTelemetry(): () => void {
  setTracer(openTelemetry)
  return () => setTracer(undefined)
}

const openTelemetry: Tracer = {
  send(task, id, given) {
    // A caller that is no span itself may have been given one: an HTTP request that says where it belongs.
    const here = trace.getActiveSpan() ? context.active() : extracted(given)
    const attributes = { ...attributesOf(task, id), 'celery.action': 'apply_async' }
    const span = tracer().startSpan(`apply_async/${task}`, { kind: SpanKind.PRODUCER, attributes }, here)
    const headers: Record<string, string> = {}
    propagation.inject(trace.setSpan(here, span), headers)
    span.end()
    return headers
  },
  run(request, fn) {
    const { task, id, custom } = request
    const attributes = { ...attributesOf(task, id), 'celery.action': 'run' }
    const parent = extracted(custom)
    return tracer().startActiveSpan(`run/${task}`, { kind: SpanKind.CONSUMER, attributes }, parent, (span) => {
      try {
        const value = fn()
        if (!(value instanceof Promise)) return ended(span, value)
        value.then(
          () => span.end(),
          (error: unknown) => failed(span, error),
        )
        return value
      } catch (error) {
        failed(span, error)
        throw error
      }
    })
  },
}

function tracer(): ReturnType<typeof trace.getTracer> {
  return trace.getTracer('lovage', version())
}

function extracted(headers: Headers): Context {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const text = plainHeader(value)
    if (typeof text === 'string') plain[name] = text
  }
  return propagation.extract(context.active(), plain)
}

function attributesOf(task: string, id: string): Record<string, string> {
  return { 'messaging.system': 'celery', 'messaging.message.id': id, 'celery.task_name': task }
}

function ended<T>(span: Span, value: T): T {
  span.end()
  return value
}

function failed(span: Span, error: unknown): void {
  // A task that asks to be run again, or not to be counted, has not failed.
  if (!(error instanceof Retry) && !(error instanceof Ignore)) {
    span.recordException(error instanceof Error ? error : messageOf(error))
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
  }
  span.end()
}
