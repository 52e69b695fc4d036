import { Option, type Command } from 'commander'
import type { App } from '../app/app.ts'
import { backendHas } from '../app/capabilities.ts'
import { deadline, systemClock } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { redactUrl } from '../base/redact.ts'
import { decodeJson, encodeJson } from '../protocol/json.ts'
import { isReady, payloadValue } from '../protocol/outcome.ts'
import { addCommonOptions, newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { complaintLines } from './complaint.ts'
import { EXIT } from './exit.ts'
import { harmless, paintFor } from './paint.ts'
import { printOutcome } from './print-outcome.ts'
import { isConfigured, loadTarget, loadTargetOrBroker } from './target.ts'
import { gatewaysOf } from './workload.ts'

interface ResultOptions extends CommonOptions {
  readonly url?: string
}

/** Longest wait for the gateway, which answers from memory. */
const ASK_MS = 5_000

/** What `GET /tasks/<id>` of a gateway answers. */
interface TaskState {
  readonly state: string
  readonly ready: boolean
  readonly result?: unknown
  readonly progress?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

export function command(): Command {
  const description =
    'Prints the result of a task, as JSON: from the result backend, where any process can read it (embedded, Redis). Over rpc:// results travel to the process that asked for the task, so a gateway is asked: it knows those of the tasks that it has sent.'
  return addCommonOptions(
    newCommand('result', description, [
      'lovage result 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55',
      'lovage result 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55 --url http://127.0.0.1:8080',
    ]),
  )
    .argument('<id>', 'id of the task')
    .addOption(
      new Option(
        '--url <url>',
        'gateway to ask (default: none where the backend can be read, else that of the configuration, or http://127.0.0.1:8000)',
      ),
    )
    .action((id: string, _options, self: Command) => run(id, optionsOf<ResultOptions>(self)))
}

async function run(id: string, options: ResultOptions): Promise<void> {
  if (options.url !== undefined) return fromGateway(id, options)
  // What is not configured has no backend that could be read; a gateway may still be there.
  const isKnown = isConfigured(options) || process.env['LOVAGE_BROKER_URL'] !== undefined
  const target = isKnown ? await loadTargetOrBroker(options) : undefined
  const settings = target?.app.settings
  const canRead = settings && backendHas('anyReader', settings) && backendHas('processes', settings)
  return canRead ? fromBackend(id, target.app) : fromGateway(id, options)
}

async function fromBackend(id: string, app: App): Promise<void> {
  try {
    const { backend } = await app.client()
    const outcome = await backend.get(id)
    if (!outcome) {
      const what = `${redactUrl(app.settings.backend)} has no result of a task ${id}`
      return fail(
        EXIT.noResult,
        what,
        'It may not have ended or begun yet, or its result has expired; lovage queues shows what waits',
      )
    }
    if (isReady(outcome.state)) return void (process.exitCode = printOutcome(outcome))
    notYet(id, outcome.state, outcome.state === 'STARTED' ? undefined : payloadValue(outcome.result))
  } finally {
    await app.close()
  }
}

async function fromGateway(id: string, options: ResultOptions): Promise<void> {
  const base = options.url ?? (await configuredUrl(options))
  const answer = await ask(`${base.replace(/\/+$/, '')}/tasks/${encodeURIComponent(id)}`)
  if (typeof answer === 'string')
    return fail(EXIT.failed, `The gateway at ${base} ${answer}`, 'Start it, or name another with --url')
  const { status, body } = answer
  if (status === 404) {
    const next = 'Ask the gateway that sent it; one that was started anew has forgotten what it held'
    return fail(EXIT.noResult, `The gateway at ${base} knows no task ${id}`, next)
  }
  if (status !== 200)
    return fail(
      EXIT.failed,
      `The gateway at ${base} answered ${status}: ${body.error?.message ?? 'no reason'}`,
      'See its log',
    )
  if (body.state === 'SUCCESS') return void process.stdout.write(`${encodeJson(body.result, { types: 'plain' })}\n`)
  if (body.ready) {
    const said = body.error?.message ?? body.state
    return fail(
      EXIT.taskFailed,
      `Task ${id} ended as ${body.state}: ${said}`,
      'The log of the worker has the cause',
      body.error?.code,
    )
  }
  notYet(id, body.state, body.progress)
}

function notYet(id: string, state: string, progress: unknown): void {
  const told = progress === undefined ? '' : ` ${encodeJson(progress, { types: 'plain' })}`
  const next = 'Ask again later; lovage queues shows what waits'
  fail(EXIT.noResult, `Task ${id} has no result yet: ${state}${told}`, next)
}

/** The state that the gateway tells, or what is wrong with it. */
async function ask(url: string): Promise<{ status: number; body: TaskState } | string> {
  const late = new Error(`does not answer within ${ASK_MS} ms`)
  const given = new AbortController()
  try {
    const request = fetch(url, { signal: given.signal }).then(async (response) => {
      return { status: response.status, text: await response.text() }
    })
    const { status, text } = await deadline(systemClock, request, ASK_MS, () => late)
    return { status, body: decodeJson(text) as TaskState }
  } catch (error) {
    if (error === late) return late.message
    if (isLovageError(error)) return 'answers something else than a Lovage gateway does'
    return `cannot be reached: ${messageOf((error as { cause?: unknown }).cause ?? error)}`
  } finally {
    given.abort()
  }
}

/** Of the first gateway of the configuration. */
async function configuredUrl(options: CommonOptions): Promise<string> {
  const port = process.env['LOVAGE_PORT']
  const [gateway] = isConfigured(options) ? await gatewaysOf(await loadTarget(options, { gateways: true }), {}) : []
  const place = gateway?.place ?? { host: '127.0.0.1', port: 8000 }
  const host = place.host === '0.0.0.0' || place.host === '::' ? '127.0.0.1' : place.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port ?? place.port}`
}

function fail(exitCode: number, what: string, next: string, code?: string): void {
  process.exitCode = exitCode
  process.stderr.write(`${complaintLines({ what: harmless(what), next, code }, paintFor(process.stderr)).join('\n')}\n`)
}
