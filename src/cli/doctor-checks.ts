import { createServer } from 'node:net'
import { backendHas, brokerHas } from '../app/capabilities.ts'
import { DEFAULT_BROKER, defaultBackend } from '../app/settings.ts'
import { systemClock } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { redactUrl } from '../base/redact.ts'
import type { App } from '../app/app.ts'
import type { Broker } from '../broker/broker.ts'
import { embeddedHome, openBroker } from '../broker/open.ts'
import { openBackend } from '../backend/open.ts'
import { deadQueueOf } from '../broker/dead-letters.ts'
import { openStore } from '../store/open.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { beatFindings } from './doctor-beat.ts'
import type { DoctorOptions } from './doctor.ts'
import { shownMs } from './paint.ts'
import { queuesOf } from './queues.ts'
import { findTarget, loadTarget, shortPath, type Target } from './target.ts'
import { manifest } from '../base/version.ts'
import { gatewaysOf } from './workload.ts'

/** One line of the doctor's table. */
export interface Finding {
  /** `skipped`: could not be looked at, because of something above. */
  readonly state: 'ok' | 'wrong' | 'skipped'
  readonly what: string
  /** Never holds a secret. */
  readonly detail: string
  readonly fix?: string
}

/** Looks at everything, from the machine to the messages. Never throws: what goes wrong is a finding. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const findings = [nodeFinding()]
  const target = await targetFindings(options, findings)
  if (!target) return [...findings, skipped('broker', 'no app to ask'), skipped('results', 'no app to ask')]
  findings.push(tasksFinding(target.app), ...settingFindings(target.app))
  await brokerFindings(target, findings)
  return [...findings, ...(await beatFindings(target)), ...(await portFindings(target, options))]
}

function nodeFinding(): Finding {
  const { engines } = manifest()
  const detail = `${process.version} (Lovage ${manifest().version} wants ${engines.node})`
  if (fits(process.versions.node, engines.node)) return ok('node', detail)
  return wrong('node', detail, `Install a Node that fits: ${engines.node}`)
}

/** `^20.19.0 || ^22.14.0 || >=24.0.0`: the two forms that our own package.json uses. */
function fits(version: string, range: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return range.split('||').some((part) => {
    const [, sign, wantedMajor, wantedMinor] = /^\s*(\^|>=)(\d+)\.(\d+)/.exec(part) ?? []
    const newer = major > Number(wantedMajor) && sign === '>='
    return newer || (major === Number(wantedMajor) && minor >= Number(wantedMinor))
  })
}

async function targetFindings(options: DoctorOptions, findings: Finding[]): Promise<Target | undefined> {
  try {
    const { kind, file } = findTarget(options)
    findings.push(ok(kind === 'config' ? 'configuration' : 'module', shortPath(file)))
  } catch (error) {
    findings.push(wrongBy('configuration', error))
    return undefined
  }
  try {
    const target = await loadTarget(options, { gateways: true, beats: true })
    const { app, modules } = target
    findings.push(ok('modules', [...modules.keys()].map(shortPath).join(', ')), ok('app', app.name))
    return target
  } catch (error) {
    findings.push(wrongBy('modules', error))
    return undefined
  }
}

function tasksFinding({ registry }: App): Finding {
  const names = registry.names()
  if (names.length > 0)
    return ok('tasks', `${names.length}: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}`)
  return wrong(
    'tasks',
    'none is registered',
    "Define one: app.task('shop.add', (x: number, y: number) => x + y), in a module that the configuration names",
  )
}

function settingFindings({ settings }: App): Finding[] {
  const source = (variable: string, value: string, preset: string): string => {
    if (process.env[variable] === value) return `from ${variable}`
    return value === preset ? 'the default' : 'from code'
  }
  const { broker, backend } = settings
  const backendPreset = defaultBackend(broker)
  return [
    ok('broker setting', `${redactUrl(broker)} (${source('LOVAGE_BROKER_URL', broker, DEFAULT_BROKER)})`),
    ok('results setting', `${redactUrl(backend)} (${source('LOVAGE_RESULT_BACKEND', backend, backendPreset)})`),
  ]
}

/** Connections of the doctor's own: the app's would go on trying where this wants to know at once. */
async function brokerFindings(target: Target, findings: Finding[]): Promise<void> {
  const { settings } = target.app
  let broker: Broker | undefined
  try {
    broker = openBroker(settings.broker, { ...settings, name: 'lovage doctor' })
    const startedMs = systemClock.monotonic()
    await broker.start()
    await broker.probe(settings.publishTimeoutMs)
    const took = shownMs(systemClock.monotonic() - startedMs)
    findings.push(
      ok(
        'broker',
        !brokerHas('processes', settings)
          ? 'in memory, inside each process'
          : `reachable, a message makes its way in ${took}${placeOf(settings)}`,
      ),
    )
  } catch (error) {
    findings.push(
      wrongBy('broker', error),
      skipped('results', 'the broker cannot be used'),
      skipped('queues', 'the broker cannot be used'),
    )
    await broker?.stop().catch(() => undefined)
    return
  }
  try {
    await backendFinding(target.app, broker, findings)
    await storeFinding(target.app, findings)
    await queueFindings(target, broker, findings)
  } catch (error) {
    findings.push(wrongBy('queues', error))
  } finally {
    await broker.stop().catch(() => undefined)
  }
}

function placeOf({ broker, home }: App['settings']): string {
  return /^embedded:/i.test(broker) ? `, data in ${shortPath(embeddedHome(broker, home))}` : ''
}

async function backendFinding({ settings }: App, broker: Broker, findings: Finding[]): Promise<void> {
  try {
    const backend = openBackend(settings.backend, {
      broker,
      home: settings.home,
      resultExpiresMs: settings.resultExpiresMs,
    })
    await backend.start()
    await backend.stop()
    if (!backendHas('processes', settings) && brokerHas('processes', settings)) {
      const fix = 'Set LOVAGE_RESULT_BACKEND, or backend in code, to rpc://: results then come back over the broker'
      findings.push(wrong('results', 'in memory: what a worker in another process returns never arrives', fix))
    } else
      findings.push(
        ok('results', !backendHas('processes', settings) ? 'in memory, inside each process' : 'can be received'),
      )
  } catch (error) {
    findings.push(wrongBy('results', error))
  }
}

async function storeFinding({ settings }: App, findings: Finding[]): Promise<void> {
  const { store: url, home, connectTimeoutMs } = settings
  if (url === undefined) return void findings.push(skipped('store', 'none: nothing here needs one (LOVAGE_STORE)'))
  const store = openStore(url, { home, connectTimeoutMs, answerTimeoutMs: connectTimeoutMs })
  try {
    await store.start()
    await store.get('doctor:probe')
    findings.push(ok('store', /^memory:/i.test(url) ? 'in memory, inside each process' : `${redactUrl(url)} answers`))
  } catch (error) {
    findings.push(wrongBy('store', error))
  } finally {
    await store.stop().catch(() => undefined)
  }
}

async function queueFindings(target: Target, { admin }: Broker, findings: Finding[]): Promise<void> {
  if (!admin || !brokerHas('processes', target.app.settings)) return
  for (const queue of queuesOf(target)) {
    const depth = await admin.depth(queue)
    const waiting = depth ? `${depth.messages} waiting, ${depth.consumers} consumers` : 'not there yet'
    if (depth && depth.messages > 0 && depth.consumers === 0) {
      findings.push(wrong(`queue ${queue}`, `${waiting}: nobody reads it`, `Start a worker: lovage worker -Q ${queue}`))
    } else findings.push(ok(`queue ${queue}`, waiting))
    const dead = await admin.depth(deadQueueOf(queue))
    if (dead && dead.messages > 0) {
      const fix = `lovage dead list ${queue} says why; lovage dead requeue ${queue} runs them again`
      findings.push(wrong(`dead letters of ${queue}`, `${dead.messages}`, fix))
    }
  }
}

async function portFindings(target: Target, options: DoctorOptions): Promise<Finding[]> {
  try {
    const gateways = await gatewaysOf(target, options)
    return await Promise.all(gateways.map(({ place }) => portFinding(place)))
  } catch (error) {
    return [wrongBy('gateway', error)]
  }
}

async function portFinding({ host, port }: Gateway['place']): Promise<Finding> {
  const what = `port ${port}`
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
  if (!problem) return ok(what, `free on ${host}`)
  if (problem.code !== 'EADDRINUSE')
    return wrong(what, `cannot be listened on at ${host}: ${messageOf(problem)}`, 'Choose another --host or --port')
  if (await isGateway(host, port)) return ok(what, `a gateway listens on ${host}`)
  return wrong(
    what,
    `taken on ${host} by something else`,
    'Choose another with --port, LOVAGE_PORT or port in lovage.config.ts',
  )
}

/** Whether a gateway answers there: its `/healthz` says so. */
async function isGateway(host: string, port: number): Promise<boolean> {
  const given = new AbortController()
  const timer = systemClock.after(1_000, () => given.abort())
  try {
    const response = await fetch(`http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}/healthz`, {
      signal: given.signal,
    })
    return response.ok && (await response.text()).includes('"status":')
  } catch {
    return false
  } finally {
    timer.cancel()
  }
}

function ok(what: string, detail: string): Finding {
  return { state: 'ok', what, detail }
}

function wrong(what: string, detail: string, fix: string): Finding {
  return { state: 'wrong', what, detail, fix }
}

function skipped(what: string, detail: string): Finding {
  return { state: 'skipped', what, detail }
}

function wrongBy(what: string, error: unknown): Finding {
  return wrong(what, messageOf(error), isLovageError(error) ? `${error.fix} (${error.code})` : 'See the message')
}
