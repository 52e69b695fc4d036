import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { lovage, type App } from '../../src/app/app.ts'
import type { GivenSettings } from '../../src/app/settings.ts'
import { onLog, type LogRecord } from '../../src/base/log.ts'
import { gateway, type Gateway } from '../../src/gateway/gateway.ts'
import type { GatewayOptions } from '../../src/gateway/options.ts'
import { worker } from '../../src/worker/worker.ts'

/** An application on a broker of its own in this process; it ends with the test. */
export function openApp(settings: GivenSettings = {}): App {
  const app = lovage('shop', { broker: `memory://${randomUUID()}`, ...settings }, { env: {} })
  onTestFinished(() => app.close())
  return app
}

/**
 * A gateway on a free port; it ends with the test. No request gives up its wait while a busy machine does what a test
 * asks meanwhile, unless the test says when.
 */
export function openGateway(app: App, options: GatewayOptions = {}): Gateway {
  const opened = gateway(app, { port: 0, timeout: '60s', ...options })
  onTestFinished(() => opened.stop())
  return opened
}

/** Starts the gateway and a worker of its application. */
export async function running(app: App, opened: Gateway): Promise<string> {
  const running = worker(app, { gracePeriod: 0 })
  onTestFinished(() => running.stop())
  await running.start()
  return started(opened)
}

/** Starts the gateway; resolves to its URL. */
export async function started(opened: Gateway): Promise<string> {
  await opened.start()
  return opened.url as string
}

/** What a client sees. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON, where it is that. */
  readonly json: unknown
}

/** Sends a request and reads the whole answer. */
export async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  const isJson = text !== '' && response.headers.get('content-type')?.startsWith('application/json')
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
}

/** A POST of a body of some media type. */
export function posting(body: NonNullable<RequestInit['body']>, contentType = 'application/json'): RequestInit {
  return { method: 'POST', body, headers: { 'content-type': contentType } }
}

/** The lines that the gateway logs from now to the end of the test. */
export function loggedLines(): LogRecord[] {
  const lines: LogRecord[] = []
  onTestFinished(onLog((record) => record.room === 'gateway' && lines.push(record)))
  return lines
}

/** A promise and what settles it. */
export function signal<T = void>(): { readonly promise: Promise<T>; readonly fire: (value: T) => void } {
  let fire!: (value: T) => void
  const promise = new Promise<T>((resolve) => (fire = resolve))
  return { promise, fire }
}

/** Resolves when `holds` does, looking often and leaving the processor to others between; the test's time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}
