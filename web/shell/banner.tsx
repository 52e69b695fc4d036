// Says at the top of the page that what it shows grows old: the connection is lost, and is being made anew.
import { useEffect, useRef } from 'preact/hooks'
import { now } from '../live/clock.ts'
import { retryNow } from '../live/live.ts'
import { connection, lastHeardMs, reconnections, retryAtMs } from '../live/stream.ts'
import { clock } from '../parts/numbers.ts'
import { toast } from './toasts.tsx'

export function Banner() {
  const seen = useRef(reconnections.peek())
  const times = reconnections.value
  useEffect(() => {
    if (times > seen.current) toast('ok', 'Reconnected: what you see is live again.')
    seen.current = times
  }, [times])

  if (connection.value !== 'broken') return null
  const heard = lastHeardMs.value
  const again = retryAtMs.value
  const seconds = again === undefined ? 0 : Math.max(0, Math.ceil((again - now.value) / 1_000))
  return (
    <div class="banner" role="alert">
      <p>
        <b>Reconnecting…</b> {heard === undefined ? 'no data yet' : `data as of ${clock(heard)}`}
        <span class="faint" aria-hidden="true">
          {seconds > 0 ? ` · next try in ${seconds} s` : ' · trying'}
        </span>
      </p>
      <button type="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  )
}
