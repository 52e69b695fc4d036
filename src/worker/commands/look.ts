import { formatIso } from '../../protocol/iso-time.ts'
import { leadsTo } from '../../protocol/leads-to.ts'
import { MAX_REVOKED } from '../revoked.ts'
import type { Work } from '../work.ts'
import { type Command, type Commands, ok, type Panel, raised, texts } from './panel.ts'
import { describedTask } from './task-attributes.ts'
import { taskInfos } from './task-info.ts'

/** Ids of one question that are looked for in all that is in hand. */
const MOST_FOLLOWED = 10

/** What Celery gives to all that is held for its time. */
const HELD_PRIORITY = 6

const active: Command = {
  run: (panel, { safe }) => taskInfos(panel, panel.steering.active, safe === true),
}

const reserved: Command = { run: (panel) => taskInfos(panel, panel.steering.reserved) }

const scheduled: Command = {
  run: (panel) => {
    const works = panel.steering.scheduled
    return taskInfos(panel, works).map((request, at) => {
      const etaMs = works[at]?.etaMs
      return { eta: etaMs === undefined ? null : formatIso(etaMs), priority: HELD_PRIORITY, request }
    })
  },
}

const registered: Command = {
  run: (panel, { taskinfoitems: items, builtins }) => {
    const { registry } = panel.app
    const names = registry.names().toSorted()
    const shown = builtins === true ? names : names.filter((name) => !name.startsWith('celery.'))
    return shown.flatMap((name) => {
      const task = registry.get(name)
      return task ? [describedTask(panel, task, texts(items) ?? [])] : []
    })
  },
}

const queryTask: Command = {
  needs: ['ids'],
  run: (panel, { ids: given, follows }) => {
    const ids = texts(given)
    if (!ids || ids.length > MAX_REVOKED) return raised('ValueError', 'ids must be a list of ids')
    const wanted = new Set(ids)
    const { active: runs, reserved: waits, scheduled: held } = panel.steering
    const found = (works: readonly Work[], state: string): [string, unknown][] =>
      taskInfos(
        panel,
        works.filter(({ request }) => wanted.has(request.id)),
      ).map((info) => [info.id, [state, info]])
    // Celery calls `ready` what it has in hand and neither runs nor waits for a slot.
    const all = [
      ['ready', held],
      ['reserved', waits],
      ['active', runs],
    ] as const
    const told = Object.fromEntries(all.flatMap(([state, works]) => found(works, state)))
    // Asked by ours only: Celery's clients know three states.
    return follows === true ? { ...followers(panel, ids, all), ...told } : told
  },
}

/** Which of the ids are sent when a task in hand has ended: `[follows, that task, its state]`. */
function followers(
  panel: Panel,
  ids: readonly string[],
  all: readonly (readonly [string, readonly Work[]])[],
): Record<string, unknown> {
  const { acceptContent: accept } = panel.app.settings
  const told: Record<string, unknown> = {}
  for (const id of ids.slice(0, MOST_FOLLOWED)) {
    for (const [state, works] of all) {
      const before = works.find(({ request }) => leadsTo(request, id, accept))
      if (before) told[id] = ['follows', taskInfos(panel, [before], true)[0], state]
    }
  }
  return told
}

/** Questions about tasks. */
export const LOOK: Commands = {
  ping: { run: () => ok('pong') },
  clock: { run: ({ app }: Panel) => ({ clock: app.lamport.value }) },
  active,
  dump_active: active,
  reserved,
  dump_reserved: reserved,
  scheduled,
  dump_schedule: scheduled,
  revoked: { run: ({ steering }) => steering.revoked.ids() },
  dump_revoked: { run: ({ steering }) => steering.revoked.ids() },
  registered,
  dump_tasks: registered,
  query_task: queryTask,
}
