import { Search, X } from 'lucide-preact'
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Refusal } from '../live/fetching.ts'
import { useKeys, type Shortcut } from '../shell/keys.ts'

const SETTLED_MS = 250

/** Where the filter is written, and what is wrong with it, at the place where it is wrong. */
export function FilterBox({
  q,
  problem,
  onFilter,
}: {
  q: string
  problem: Refusal | undefined
  onFilter(q: string): void
}) {
  const [text, setText] = useState(q)
  const input = useRef<HTMLInputElement>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const told = useRef(q)
  const message = useId()
  useLayoutEffect(() => {
    // A facet or the way back has changed it; what is being typed stays.
    if (q !== told.current) setText(q)
    told.current = q
  }, [q])
  useEffect(() => () => clearTimeout(timer.current), [])
  const apply = (value: string): void => {
    clearTimeout(timer.current)
    told.current = value
    onFilter(value)
  }
  const type = (value: string): void => {
    setText(value)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => apply(value), SETTLED_MS)
  }
  const shortcuts = useMemo<Shortcut[]>(
    () => [{ keys: '/', what: 'Write a filter', run: () => input.current?.select() }],
    [],
  )
  useKeys(shortcuts)
  return (
    <form
      class="filter"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        apply(text)
      }}
    >
      <Search size={15} aria-hidden="true" />
      <input
        ref={input}
        type="text"
        value={text}
        aria-label="Filter"
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? message : undefined}
        placeholder='state:FAILURE queue:mail -name:"mail.send" runtime>2s error:Timeout'
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && input.current?.blur()}
      />
      {text !== '' && (
        <button
          type="button"
          class="icon"
          aria-label="Clear the filter"
          onClick={() => {
            setText('')
            apply('')
          }}
        >
          <X size={15} />
        </button>
      )}
      {problem && (
        <p class="problem" id={message} role="alert">
          {problem.at !== undefined && (
            <code aria-hidden="true">
              {q.slice(0, problem.at)}
              <mark>{q.slice(problem.at) || ' '}</mark>
            </code>
          )}
          {problem.message} <span class="fix">{problem.fix}</span>
        </p>
      )}
    </form>
  )
}
