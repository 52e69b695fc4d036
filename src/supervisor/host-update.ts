import { update as updateOne } from './ctl-config.ts'
import { CTL_EXIT, type CtlSession } from './ctl-session.ts'
import type { HostAct, HostTalk, Lost, Said, Wrong } from './host-act.ts'
import { like } from './host-names.ts'
import type { ProcessInfo } from './operations.ts'

/** Words are groups of every host, or `host:group`. */
export const updateHosts = (words: readonly string[]): HostAct | Wrong => {
  const wanted = words.map((text) => {
    const [group = '', host = '*'] = text.split(':').toReversed()
    const [ofHost, ofGroup] = [like(host), like(text === 'all' ? '*' : group)]
    return { text, isGlob: text.includes('*'), matchesHost: ofHost, matches: ofHost, ofGroup }
  })
  return {
    ...{ patterns: wanted, missing: 'no such group', exitMissing: CTL_EXIT.failed },
    async *perform(talk) {
      const groups = words.length === 0 ? [] : await groupsOf(talk)
      const meant = new Set<string>()
      for (const { text, matchesHost, ofGroup } of wanted) {
        const found = matchesHost(talk.host) ? groups.filter(ofGroup) : []
        if (found.length > 0 || text === 'all') talk.found(text)
        for (const group of found) meant.add(group)
      }
      if (words.length > 0 && meant.size === 0) return
      yield* updated(talk, [...meant])
    },
  }
}

/** All groups of a host, those among them that its next update brings or takes. */
async function groupsOf(talk: HostTalk): Promise<string[]> {
  const infos = await talk.call<ProcessInfo[]>('getAllProcessInfo')
  const [changes] = await talk.call<string[][][]>('reloadConfig')
  return [...new Set([...(changes ?? []).flat(), ...infos.map(({ group }) => group)])]
}

/** What ctl's own update says. */
async function* updated({ client }: HostTalk, groups: readonly string[]): AsyncGenerator<Said | Lost> {
  const said: { text: string; exitCode: number }[] = []
  const session: CtlSession = {
    ...{ client, isInteractive: false },
    get exitCode() {
      return CTL_EXIT.done
    },
    // It is set behind the line that says why.
    set exitCode(exitCode) {
      const last = said.at(-1)
      if (last) last.exitCode = exitCode
    },
    say: (text) => void said.push({ text, exitCode: CTL_EXIT.done }),
    write: () => {},
    ask: async () => '',
    open: () => {},
    interruption: () => AbortSignal.abort(),
    typed: async function* () {},
  }
  let lost: Lost | undefined
  try {
    await updateOne(session, groups)
  } catch (error) {
    lost = { error }
  }
  yield* said
  if (lost) yield lost
}
