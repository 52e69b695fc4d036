// Ctrl K: goes to a page, to a task by its id, or to the tasks that match a filter.
import { signal } from '@preact/signals'
import { useLocation } from 'preact-iso'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { PLACES } from './places.ts'
import { isPaused } from '../live/stream.ts'
import { openHelp } from './help.tsx'
import { turnTheme } from './theme.ts'

const isOpen = signal(false)

export function openPalette(): void {
  isOpen.value = true
}

interface Choice {
  readonly text: string
  readonly hint: string
  readonly run: () => void
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const FILTER = /^(name|state|queue|worker|args|error|id|older|newer):/

function choicesFor(text: string, go: (path: string) => void): Choice[] {
  const wanted = text.trim()
  const fixed: Choice[] = [
    ...PLACES.map(({ name, path, key }) => ({ text: name, hint: `g ${key}`, run: () => go(path) })),
    { text: 'Failed tasks', hint: 'state:FAILURE', run: () => go('/tasks?q=state%3AFAILURE') },
    { text: 'Running tasks', hint: 'state:STARTED', run: () => go('/tasks?q=state%3ASTARTED') },
    {
      text: isPaused.peek() ? 'Let data flow' : 'Stop the flow',
      hint: 'p',
      run: () => (isPaused.value = !isPaused.peek()),
    },
    { text: 'Change the theme', hint: '', run: turnTheme },
    { text: 'Keys', hint: '?', run: openHelp },
  ]
  if (wanted === '') return fixed
  const found = fixed.filter((choice) => choice.text.toLowerCase().includes(wanted.toLowerCase()))
  const filter = FILTER.test(wanted) ? wanted : `name:${wanted}`
  const tasks: Choice = {
    text: `Tasks that match ${filter}`,
    hint: 'filter',
    run: () => go(`/tasks?q=${encodeURIComponent(filter)}`),
  }
  if (UUID.test(wanted)) {
    return [{ text: `Task ${wanted}`, hint: 'by id', run: () => go(`/tasks/${wanted.toLowerCase()}`) }, tasks, ...found]
  }
  return FILTER.test(wanted) ? [tasks, ...found] : [...found, tasks]
}

export function Palette() {
  return isOpen.value ? <OpenPalette /> : null
}

function OpenPalette() {
  const { route } = useLocation()
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const choices = choicesFor(text, route)
  const chosen = Math.min(at, choices.length - 1)

  // Before anything else is typed, which is meant for it.
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = (): void => {
    isOpen.value = false
  }
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setAt((chosen + 1) % choices.length)
    else if (event.key === 'ArrowUp') setAt((chosen + choices.length - 1) % choices.length)
    else if (event.key === 'Enter') {
      close()
      choices[chosen]?.run()
    } else return
    event.preventDefault()
  }

  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label="Search or command"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={`choice-${chosen}`}
        aria-label="Page, task id or filter"
        placeholder="Page, task id, name or filter…"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKey}
      />
      <ul id="choices" role="listbox" aria-label="Found">
        {choices.map((choice, index) => (
          <li
            key={choice.text}
            id={`choice-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setAt(index)}
            onClick={() => {
              close()
              choice.run()
            }}
          >
            <span>{choice.text}</span>
            {choice.hint && <kbd>{choice.hint}</kbd>}
          </li>
        ))}
      </ul>
    </dialog>
  )
}
