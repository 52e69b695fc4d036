const UNITS: Readonly<Record<string, string>> = { d: 'day', h: 'hour', m: 'minute', s: 'second', ms: 'millisecond' }

/**
 * A schedule as one says it: `every 15m` is "Every 15 minutes", `30 2 * * mon-fri` is "At 02:30, Monday through Friday".
 * Null: it says best itself what it means.
 */
export async function inWords(schedule: string): Promise<string | null> {
  const [, count, unit = ''] = /^every (\d+)(ms|[dhms])$/.exec(schedule) ?? []
  if (count !== undefined) {
    const word = UNITS[unit] ?? unit
    return count === '1' ? `Every ${word}` : `Every ${count} ${word}s`
  }
  if (schedule.trim().split(/\s+/).length !== 5) return null
  // Loaded where there is a crontab to be told: nobody else waits for it.
  const { default: cronstrue } = await import('cronstrue')
  try {
    return cronstrue.toString(schedule, { use24HourTimeFormat: true, verbose: false })
  } catch {
    // Written in a way that this reader does not know, though the scheduler does.
    return null
  }
}
