// The log of one process, as it is written: followed, searched, in the colours that it was written in.
import { X } from 'lucide-preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { LogPiece } from '../../src/dashboard/action-api.ts'
import { get, query, refusalOf } from '../live/fetching.ts'
import { confirmAct } from '../parts/confirm.tsx'
import { mayAct } from '../parts/may-act.ts'
import { EMPTY_LOG, grown, painter, plain, type LogText, type Painter, type Run } from './log-lines.ts'

type Channel = 'stdout' | 'stderr'

const EVERY_MS = 1_000
const FIRST_BYTES = 64 * 1024

interface Following {
  readonly log: LogText
  readonly problem: string | null
}

/** Reads the log, and then what is added to it, as long as it is followed. */
function useLog(target: string, channel: Channel, isFollowed: boolean): Following {
  const [log, setLog] = useState<LogText>(EMPTY_LOG)
  const [problem, setProblem] = useState<string | null>(null)
  const offset = useRef<number | null>(null)
  useEffect(() => {
    offset.current = null
    setLog(EMPTY_LOG)
  }, [target, channel])
  useEffect(() => {
    const ended = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const read = async (): Promise<void> => {
      try {
        const asked = { target, channel, length: FIRST_BYTES, offset: offset.current ?? undefined }
        const piece = await get<LogPiece>(`processes/log?${query(asked)}`, ended.signal)
        if (ended.signal.aborted) return
        const isFresh = offset.current === null || piece.offset < offset.current
        offset.current = piece.offset
        setProblem(null)
        setLog((before) =>
          grown(isFresh ? EMPTY_LOG : before, piece.overflow && !isFresh ? `…\n${piece.text}` : piece.text, piece.open),
        )
      } catch (error) {
        if (ended.signal.aborted) return
        setProblem(refusalOf(error).message)
      }
      // One question after the other: a slow host is not asked twice at the same time.
      if (isFollowed) timer = setTimeout(() => void read(), EVERY_MS)
    }
    void read()
    return () => {
      ended.abort()
      clearTimeout(timer)
    }
  }, [target, channel, isFollowed])
  return { log, problem }
}

function usePainter(): Painter {
  const [paint, setPaint] = useState<Painter>(() => plain)
  useEffect(() => {
    void painter().then((loaded) => setPaint(() => loaded))
  }, [])
  return paint
}

/** The runs of a line with what was searched for marked in them. */
function marked(runs: readonly Run[], wanted: string): readonly (Run & { readonly isHit: boolean })[] {
  if (wanted === '') return runs.map((run) => ({ ...run, isHit: false }))
  return runs.flatMap(({ text, look }) => {
    const pieces: (Run & { isHit: boolean })[] = []
    const lower = text.toLowerCase()
    let from = 0
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
      if (at > from) pieces.push({ text: text.slice(from, at), look, isHit: false })
      pieces.push({ text: text.slice(at, at + wanted.length), look, isHit: true })
      from = at + wanted.length
    }
    if (from < text.length) pieces.push({ text: text.slice(from), look, isHit: false })
    return pieces
  })
}

const clear = (target: string) =>
  confirmAct(
    {
      title: `Clear the logs of ${target}`,
      text: 'What it has written so far, stdout and stderr, will be gone for good.',
      verb: 'Clear',
      isDanger: true,
    },
    'process',
    { target: [target], verb: 'clear' },
  )

export interface ProcessLogProps {
  /** `host:group:process` */
  readonly target: string
  readonly onClose: () => void
}

export function ProcessLog({ target, onClose }: ProcessLogProps) {
  const [channel, setChannel] = useState<Channel>('stdout')
  const [isFollowed, setFollowed] = useState(true)
  const [find, setFind] = useState('')
  const { log, problem } = useLog(target, channel, isFollowed)
  const paint = usePainter()
  const end = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const box = end.current
    if (isFollowed && box) box.scrollTop = box.scrollHeight
  }, [log, isFollowed])
  const wanted = find.toLowerCase()
  const lines = log.open === '' ? log.lines : [...log.lines, log.open]
  const shown = wanted === '' ? lines : lines.filter((line) => line.toLowerCase().includes(wanted))
  return (
    <section class="log" aria-label={`Log of ${target}`}>
      <header>
        <h2>{target}</h2>
        <div class="choice" role="group" aria-label="Channel">
          {(['stdout', 'stderr'] as const).map((each) => (
            <button key={each} type="button" aria-pressed={each === channel} onClick={() => setChannel(each)}>
              {each}
            </button>
          ))}
        </div>
        <label class="check">
          <input type="checkbox" checked={isFollowed} onChange={(event) => setFollowed(event.currentTarget.checked)} />
          Follow
        </label>
        <input
          type="search"
          placeholder="Find"
          aria-label="Find in the log"
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
        {wanted !== '' && (
          <span class="faint">
            {shown.length} of {lines.length} lines
          </span>
        )}
        {mayAct('process') && (
          <button type="button" onClick={() => void clear(target)}>
            Clear
          </button>
        )}
        <button type="button" class="icon" aria-label="Close the log" onClick={onClose}>
          <X size={15} aria-hidden="true" />
        </button>
      </header>
      {problem !== null && <p class="problem">{problem}</p>}
      {/* Keyboards scroll it too. */}
      <div class="lines" ref={end} tabIndex={0} role="log" aria-label="Lines" aria-live="off">
        {log.dropped > 0 && <p class="faint">{log.dropped} earlier lines are not shown</p>}
        {lines.length === 0 && problem === null && <p class="faint">Nothing is written here yet.</p>}
        {shown.map((line, index) => (
          <div key={log.dropped + index}>
            {marked(paint(line), wanted).map(({ text, look, isHit }) =>
              isHit ? <mark>{text}</mark> : <span class={look}>{text}</span>,
            )}
          </div>
        ))}
      </div>
    </section>
  )
}
