import { useEffect, useState } from 'preact/hooks'
import type { Why } from '../../src/dashboard/api.ts'
import { get, refusalOf, type Refusal } from '../live/fetching.ts'
import { connection } from '../live/stream.ts'
import { ErrorState, Loading, Panel } from '../parts/page.tsx'

const AGAIN_MS = 5_000

/** Why it is not running yet, or what became of it: the likeliest first, and what nobody can tell. */
export function TaskWhy({ id, state, isWaiting }: { id: string; state: string; isWaiting: boolean }) {
  const [why, setWhy] = useState<Why>()
  const [error, setError] = useState<Refusal>()
  useEffect(() => {
    const abort = new AbortController()
    const load = (): void => {
      get<Why>(`tasks/${encodeURIComponent(id)}/why`, abort.signal).then(
        (found) => {
          setWhy(found)
          setError(undefined)
        },
        (thrown: unknown) => abort.signal.aborted || setError(refusalOf(thrown)),
      )
    }
    load()
    const timer = isWaiting ? setInterval(() => connection.value === 'live' && load(), AGAIN_MS) : undefined
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [id, state, isWaiting])
  return (
    <Panel title={isWaiting ? 'Why is it not running yet?' : 'What became of it'} kind="why">
      {error && <ErrorState error={error} />}
      {!why && !error && <Loading />}
      {why && (
        <>
          <ol>
            {why.reasons.map(({ code, text, fix, certainty, evidence }) => (
              <li key={code + text}>
                <p>
                  <b>{text}</b> {certainty === 'likely' && <span class="faint">(likely)</span>}
                </p>
                {fix && <p class="fix">{fix}</p>}
                <p class="faint">
                  <code>{code}</code>
                  {evidence && (
                    <>
                      {' · seen by '}
                      <code>{evidence}</code>
                    </>
                  )}
                </p>
              </li>
            ))}
          </ol>
          {why.reasons.length === 0 && <p class="pad">No reason was found.</p>}
          {why.unknown.length > 0 && (
            <ul class="unknown">
              {why.unknown.map(({ what, because }) => (
                <li key={what}>
                  Unknown: {what}, because {because}.
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Panel>
  )
}
