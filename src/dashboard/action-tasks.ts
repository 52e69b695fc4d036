import { type Check, oneOf, shown, Unfit, whole, text } from '../app/check.ts'
import { messageOf } from '../base/errors.ts'
import { type Action, action, type ActionGround, answerOf, listOfNames, maybe, nameOrNames, refused } from './action.ts'
import type { ActionAnswer } from './api.ts'
import { MOST_ITEMS } from './jobs.ts'
import { argumentsOf, type Known } from './task-arguments.ts'
import { matching } from './task-matching.ts'

/** Ids that go out in one command, and tasks that are sent again at a time. */
const IDS_AT_ONCE = 500
const SENT_AT_ONCE = 20

const list: Check<readonly unknown[]> = (value) => {
  if (Array.isArray(value)) return value
  throw new Unfit(`must be a list, and is ${shown(value)}`, 'Send positional arguments: [1, "two"]')
}

const record: Check<Readonly<Record<string, unknown>>> = (value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Unfit(`must be an object, and is ${shown(value)}`, 'Send arguments by name: { "user": 81 }')
}

const signal: Check<string> = (value) => {
  if (typeof value === 'string' && /^(SIG)?[A-Z0-9]{2,12}$/.test(value)) return value
  throw new Unfit(`is ${shown(value)}`, "Send 'SIGTERM' or 'SIGKILL'")
}

/** What is done to tasks. */
export const TASK_ACTIONS = {
  'task-retry': action<'task-retry'>(
    { target: nameOrNames, args: maybe(list), kwargs: maybe(record) },
    async (ground, { target, args, kwargs }) => {
      const ids = listOfNames(target)
      if ((args ?? kwargs) !== undefined && ids.length > 1) {
        throw refused(
          'Sending again',
          'takes new arguments for one task only',
          'Name one task, or leave args and kwargs out',
        )
      }
      const each = new Map<string, { ok: boolean; text: string }>()
      for (const id of ids) {
        try {
          each.set(id, { ok: true, text: await sendAgain(ground, id, { args, kwargs }) })
        } catch (error) {
          each.set(id, { ok: false, text: messageOf(error) })
        }
      }
      return answerOf('Sent again', Object.fromEntries(each))
    },
  ),
  'task-revoke': action<'task-revoke'>({ target: nameOrNames }, (ground, { target }) =>
    revoke(ground, listOfNames(target)),
  ),
  'task-terminate': action<'task-terminate'>(
    { target: nameOrNames, signal: maybe(signal) },
    (ground, { target, signal: given }) => revoke(ground, listOfNames(target), given ?? 'SIGTERM'),
  ),
  tasks: action<'tasks'>(
    {
      target: (value) => (value === '' ? '' : text(value)),
      verb: oneOf('retry', 'revoke', 'terminate'),
      count: whole(1),
      asOfMs: maybe(whole(0)),
    },
    async (ground, { target, verb, count, asOfMs }) => {
      const { context, jobs, by, told } = ground
      const found = await matching(context, target, Math.min(count, MOST_ITEMS) + 1, asOfMs)
      if (found.length > count) {
        const problem = `is refused: more match now than the ${count} that were confirmed`
        throw refused(`To ${verb} all`, problem, 'Look at the list again, and confirm what it says now')
      }
      if (found.length === 0)
        throw refused(`To ${verb} all`, 'is refused: none matches any more', 'Look at the list again')
      const title = `${verb} ${found.length} tasks`
      const job = jobs.start({
        title,
        by,
        targets: found,
        run: async (id) => {
          if (verb === 'retry') return { isError: false, text: await sendAgain(ground, id, {}) }
          await revoke(ground, [id], verb === 'terminate' ? 'SIGTERM' : undefined)
          return { isError: false, text: verb === 'revoke' ? 'revoked' : 'terminated' }
        },
        atOnce: SENT_AT_ONCE,
        stopOnFailure: false,
        onOver: ({ items }) => {
          const done = items.filter(({ status }) => status === 'done').length
          told(done === items.length, `${title}: ${done} of ${items.length} done`)
        },
      })
      return { ok: true, text: `${title}: begun`, job }
    },
  ),
} satisfies Readonly<Record<string, Action>>

async function revoke({ context }: ActionGround, ids: readonly string[], terminate?: string): Promise<ActionAnswer> {
  const { control } = context.app
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const some = ids.slice(at, at + IDS_AT_ONCE)
    await (terminate === undefined ? control.revoke(some) : control.terminate(some, { signal: terminate }))
  }
  const whom = ids.length === 1 ? (ids[0] as string) : `${ids.length} tasks`
  const what =
    terminate === undefined ? `${whom}: workers will not start it` : `${whom}: workers end it, running or not`
  return { ok: true, text: what }
}

/** Sends a task as it was sent, or with other arguments, under an id of its own. Returns a sentence with that. */
async function sendAgain({ context }: ActionGround, id: string, given: Partial<Known>): Promise<string> {
  const row = context.tasks.detail(id)
  if (!row || row.name === null) {
    throw refused(`Sending ${id} again`, 'is refused: its name is not known here', 'Send it where it was sent first')
  }
  const { args, kwargs } = given.args && given.kwargs ? (given as Known) : await argumentsOf(context, row, given)
  const { exchange, routingKey, queue } = row
  // To the queue that it was in, by the exchange that it came by where that has a name.
  const to =
    exchange && routingKey
      ? { exchange, routingKey }
      : (queue ?? routingKey)
        ? { queue: queue ?? (routingKey as string) }
        : {}
  const sent = await context.app.sendTask(row.name, args, kwargs, { ...to, headers: { 'retry-of': id } })
  context.changed('tasks')
  return `sent again as ${sent.id}`
}
