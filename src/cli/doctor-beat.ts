import { isLovageError, messageOf } from '../base/errors.ts'
import type { Beat } from '../beat/beat.ts'
import { beatsOf } from './beat-choice.ts'
import type { Finding } from './doctor-checks.ts'
import type { Target } from './target.ts'

/** Whether the beats of the configuration can start, and what their ledgers tell of sendings that fail. */
export async function beatFindings(target: Target): Promise<Finding[]> {
  let beats: Beat[]
  try {
    beats = beatsOf(target)
  } catch (error) {
    return [wrongBy('beat', error)]
  }
  const findings: Finding[] = []
  for (const beat of beats) findings.push(...(await findingsOf(beat)))
  await Promise.all([...new Set(beats.map(({ app }) => app))].map((app) => app.close()))
  return findings
}

async function findingsOf(beat: Beat): Promise<Finding[]> {
  const what = `beat ${beat.name}`
  const { app, entries, name } = beat
  try {
    const { readEntries } = await import('../beat/prepare.ts')
    await readEntries(app, entries)
    const { openLedger } = await import('../beat/beat.ts')
    const known = await (await openLedger(app, { name })).all()
    const count = Object.keys(entries).length
    const findings: Finding[] = [
      { state: 'ok', what, detail: `${count} in the code, ${known.length} in the ledger, ${pausedIn(known)} paused` },
    ]
    for (const { name: entry, state } of known) {
      if (state.failures === 0) continue
      const detail = `could not be sent ${state.failures} times`
      findings.push({ state: 'wrong', what: `entry ${entry}`, detail, fix: 'The log of the beat says why' })
    }
    return findings
  } catch (error) {
    return [wrongBy(what, error)]
  }
}

function pausedIn(entries: readonly { readonly state: { readonly isPaused: boolean } }[]): number {
  return entries.filter(({ state }) => state.isPaused).length
}

function wrongBy(what: string, error: unknown): Finding {
  const fix = isLovageError(error) ? `${error.fix} (${error.code})` : 'See the message'
  return { state: 'wrong', what, detail: messageOf(error), fix }
}
