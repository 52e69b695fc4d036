import { flag, oneOf, whole } from '../app/check.ts'
import { type Action, action, listOfNames, maybe, name, nameOrNames, refused } from './action.ts'
import type { ItemOutcome } from './jobs.ts'
import type { HostSource } from './sources.ts'

/** So many at a time where all are meant at once: each host is asked over connections of its own. */
const MOST_AT_ONCE = 50

/** What is done to processes of hosts, and to what is being done. */
export const PROCESS_ACTIONS = {
  process: action<'process'>(
    {
      target: nameOrNames,
      verb: oneOf('start', 'stop', 'restart', 'clear'),
      atOnce: maybe(whole(0, 1_000)),
      stopOnFailure: maybe(flag),
    },
    async ({ context, jobs, by, told }, { target, verb, atOnce = 0, stopOnFailure = false }) => {
      const { hosts } = context.sources
      if (!hosts) throw refused('Steering processes', 'needs hosts', 'Name them in the file of hosts')
      const targets = listOfNames(target)
      const vague = targets.find((each) => each.includes('*') || each.split(':').length < 3)
      if (vague !== undefined) {
        throw refused(`Steering ${vague}`, 'is refused: it may mean several', 'Name each process: host:group:process')
      }
      const title = `${verb} ${targets.length === 1 ? targets[0] : `${targets.length} processes`}`
      const job = jobs.start({
        title,
        by,
        targets,
        run: (each) => one(hosts, verb, each),
        atOnce: atOnce === 0 ? MOST_AT_ONCE : atOnce,
        stopOnFailure,
        onOver: ({ items }) => {
          context.changed('processes')
          const done = items.filter(({ status }) => status === 'done').length
          told(done === items.length, `${title}: ${done} of ${items.length} done`)
        },
      })
      return { ok: true, text: `${title}: begun`, job }
    },
  ),
  'job-cancel': action<'job-cancel'>({ target: name }, async ({ jobs }, { target }) => {
    if (!jobs.cancel(target))
      throw refused('Cancelling', 'is refused: that job is over', 'Nothing is left to be cancelled')
    return { ok: true, text: 'Nothing further of it is begun' }
  }),
} satisfies Readonly<Record<string, Action>>

/** All that is told of one process; the first that is wrong is what came of it. */
async function one(
  hosts: HostSource,
  verb: 'start' | 'stop' | 'restart' | 'clear',
  target: string,
): Promise<ItemOutcome> {
  const said: ItemOutcome[] = []
  for await (const { text, isError } of hosts.run(verb, [target])) said.push({ text, isError })
  return said.find(({ isError }) => isError) ?? said.at(-1) ?? { isError: true, text: 'no answer' }
}
