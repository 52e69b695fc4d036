import type { App } from '../app/app.ts'
import type { AnySignature } from '../app/canvas.ts'
import { backendHas } from '../app/capabilities.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { redactUrl } from '../base/redact.ts'
import { derivedIds } from '../canvas/derived-id.ts'
import type { Plan } from '../canvas/plan.ts'
import type { Entry } from './entry.ts'
import { type Definition, digestOf, newEntry } from './entry-state.ts'
import { definitionOf, type Ledger, type LedgerEntry } from './ledger.ts'
import { endsOf, MOST_ENDS } from './running.ts'
import { planRun } from './send-run.ts'
import { readEntry } from './timetable.ts'
import { redefined } from './transitions.ts'

/** What a scheduler has in its code, by name. */
export type Definitions = ReadonlyMap<string, Definition>

/**
 * Reads what the code says.
 * @throws LovageError `SCHEDULE_INVALID` naming the entry, for a time that never comes, arguments that its task does not
 *   take, or a policy that cannot be kept
 */
export async function readEntries(
  app: App,
  entries: Readonly<Record<string, Entry<AnySignature>>>,
): Promise<Definitions> {
  const found = new Map<string, Definition>()
  for (const [name, entry] of Object.entries(entries)) {
    const definition = definitionOf(name, entry, app.settings.timezone)
    await checkDefinition(app, name, definition)
    found.set(name, definition)
  }
  return found
}

/** @throws LovageError `SCHEDULE_INVALID` */
export async function checkDefinition(app: App, name: string, definition: Definition): Promise<void> {
  const complain = (field: string, problem: string, fix: string): LovageError =>
    new LovageError('SCHEDULE_INVALID', { entry: name, field, problem, fix })
  if (name === '' || Buffer.byteLength(name) > 200) {
    throw complain('name', 'is empty or longer than 200 bytes', 'Give it a shorter one')
  }
  let planned: Plan
  try {
    // Never sent: what is told of here would be told of at the first tick.
    planned = planRun({ task: definition.task, ids: derivedIds(name), expiresAtMs: undefined }, app.canvas.saysSizes)
    for (const { task, args, kwargs } of planned.calls) await app.registry.get(task)?.check(args, kwargs)
    digestOf(definition)
  } catch (error) {
    throw complain('task', `cannot be sent: ${messageOf(error)}`, 'Give the task the arguments that it takes')
  }
  const { overlap } = readEntry(name, definition, app.settings.timezone).policy
  if (overlap === 'allow') return
  if (!backendHas('anyReader', app.settings)) {
    const problem = `needs results that any process can read, which ${redactUrl(app.settings.backend)} has not`
    throw complain('overlap', problem, "Use backend: 'redis://...' or 'embedded://', or overlap: 'allow'")
  }
  if (endsOf(planned.result) > MOST_ENDS) {
    throw complain(
      'overlap',
      `is for runs that end with ${MOST_ENDS} tasks at most`,
      "Use a chord, or overlap: 'allow'",
    )
  }
  const silent = planned.calls.find(
    ({ task, options }) => options['ignore_result'] === true || app.registry.get(task)?.options.ignoreResult === true,
  )
  if (silent) throw complain('overlap', `needs the result of ${silent.task}, which ignores it`, "Use overlap: 'allow'")
}

/** Has the ledger know what the code says: what is new, what has changed since it was told last, and what is gone. */
export async function tellLedger(ledger: Ledger, definitions: Definitions): Promise<void> {
  const nowMs = await ledger.now()
  const there = new Map((await ledger.all()).map((entry) => [entry.name, entry]))
  for (const [name, definition] of definitions) {
    const code = digestOf(definition)
    const before = there.get(name)
    if (before?.state.code === code) continue
    const told = before ? redefined(before.state, { definition, code }, nowMs) : newEntry(definition, nowMs, code)
    const { version = 0 } = before ?? {}
    if (!(await ledger.settle({ name, version }, told))) {
      await ledger.change(name, (state) =>
        state ? redefined(state, { definition, code }, nowMs) : newEntry(definition, nowMs, code),
      )
    }
    log('info', 'beat', before ? 'schedule has changed' : 'schedule is new', { entry: name })
  }
  for (const { name, version, state } of there.values()) {
    if (state.code === null || definitions.has(name)) continue
    await takeOut(ledger, { name, version })
    log('info', 'beat', 'schedule is gone: it is not in the code any more', { entry: name })
  }
}

/** How often an entry is taken out anew that others change meanwhile: to send its ticks, as a rule. */
const TRIES = 20

/** Unless somebody has made one of another kind of it: at run time. */
async function takeOut(ledger: Ledger, { name, version }: Pick<LedgerEntry, 'name' | 'version'>): Promise<void> {
  let ifVersion = version
  for (let tries = 0; tries < TRIES; tries++) {
    if (await ledger.list.remove(name, { ifVersion })) return
    const there = (await ledger.all()).find((one) => one.name === name)
    if (!there || there.state.code === null) return
    ifVersion = there.version
  }
  await ledger.list.remove(name)
}
