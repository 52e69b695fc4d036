import { Option, type Command } from 'commander'
import { deadline, systemClock } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { decodeJson, encodeJson } from '../protocol/json.ts'
import { addCommonOptions, newCommand, optionsOf, type CommonOptions } from './command-options.ts'
import { complaintLines } from './complaint.ts'
import { EXIT } from './exit.ts'
import { harmless, paintFor } from './paint.ts'
import { isConfigured, loadTarget } from './target.ts'
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
    'Prints the result of a task, as JSON. Results travel to the process that asked for the task and are held there, so a gateway is asked: it knows those of the tasks that it has sent.'
  return addCommonOptions(
    newCommand('result', description, [
      'lovage result 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55',
      'lovage result 7d0c2f4e-1b0a-4b5e-9f43-3f3a0c1f7c55 --url http://127.0.0.1:8080',
    ]),
  )
    .argument('<id>', 'id of the task')
    .addOption(
      new Option('--url <url>', 'gateway to ask (default: that of the configuration, else http://127.0.0.1:8000)'),
    )
    .action((id: string, _options, self: Command) => run(id, optionsOf<ResultOptions>(self)))
}

async function run(id: string, options: ResultOptions): Promise<void> {
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
  const progress = body.progress === undefined ? '' : ` ${encodeJson(body.progress, { types: 'plain' })}`
  fail(
    EXIT.noResult,
    `Task ${id} has no result yet: ${body.state}${progress}`,
    'Ask again later; lovage queues shows what waits',
  )
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
