import { useEffect, useState } from 'preact/hooks'
import type { Why } from '../../src/dashboard/api.ts'
import { serverNow } from '../live/clock.ts'
import { get, refusalOf, type Refusal } from '../live/fetching.ts'
import { ErrorState, Loading, Panel } from '../parts/page.tsx'
import { Age } from '../parts/state.tsx'

/**
 * Why it is not running yet, or what became of it: the likeliest first, and what nobody can tell. Asked once, and again when
 * its state changes or somebody wants it: each asking takes messages out of queues and puts them back, which brokers count.
 */
export function TaskWhy({ id, state, isWaiting }: { id: string; state: string; isWaiting: boolean }) {
  const [why, setWhy] = useState<Why>()
  const [error, setError] = useState<Refusal>()
  const [asked, setAsked] = useState(0)
  const [atMs, setAtMs] = useState<number>()
  useEffect(() => {
    const abort = new AbortController()
    setAtMs(undefined)
    get<Why>(`tasks/${encodeURIComponent(id)}/why`, abort.signal).then(
      (found) => {
        setWhy(found)
        setError(undefined)
        setAtMs(serverNow())
      },
      (thrown: unknown) => {
        if (abort.signal.aborted) return
        setError(refusalOf(thrown))
        setAtMs(serverNow())
      },
    )
    return () => abort.abort()
  }, [id, state, isWaiting, asked])
  return (
    <Panel
      title={isWaiting ? 'Why is it not running yet?' : 'What became of it'}
      kind="why"
      aside={
        <button type="button" class="plain" disabled={atMs === undefined} onClick={() => setAsked(asked + 1)}>
          {atMs === undefined ? (
            'asking'
          ) : (
            <>
              asked <Age at={atMs} ago />; ask again
            </>
          )}
        </button>
      }
    >
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
