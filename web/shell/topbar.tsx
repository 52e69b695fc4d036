import { CircleUser, Keyboard, LogOut, Moon, Pause, Play, Search, Sun, SunMoon } from 'lucide-preact'
import { useLocation } from 'preact-iso'
import { post, session } from '../live/fetching.ts'
import { connection, isPaused } from '../live/stream.ts'
import { hasWord, toggleWord } from '../pages/task-filter.ts'
import { openHelp } from './help.tsx'
import { openPalette } from './palette.tsx'
import { theme, turnTheme } from './theme.ts'
import { toastError } from './toasts.tsx'
import { RANGES, useRange, useUrlState } from './url-state.ts'

const WORDS = { connecting: 'connecting', live: 'live', paused: 'paused', hidden: 'hidden', broken: 'reconnecting' }

/** Whether data flows; pressing it stops and starts the flow. */
function Flow() {
  const state = connection.value
  const Icon = isPaused.value ? Play : Pause
  return (
    <button
      type="button"
      class={`flow is-${state}`}
      aria-pressed={isPaused.value}
      title={isPaused.value ? 'Let data flow again (p)' : 'Stop the flow, so that nothing moves (p)'}
      onClick={() => (isPaused.value = !isPaused.value)}
    >
      <i class="dot" aria-hidden="true" />
      <span>{WORDS[state]}</span>
      <Icon size={13} aria-hidden="true" />
    </button>
  )
}

/** Pages whose numbers are over a range of time. */
const RANGED = /^\/(tasks)?$/

function RangeChoice() {
  const { path } = useLocation()
  const { values, set } = useUrlState()
  const range = useRange()
  if (!RANGED.test(path)) return null
  // The list of tasks has one filter, and its time is a word of it.
  const q = path === '/tasks' ? (values['q'] ?? '') : undefined
  const isChosen = (one: string): boolean => (q === undefined ? one === range : hasWord(q, 'newer', one))
  const choose = (one: string): void =>
    set(q === undefined ? { range: one } : { q: toggleWord(q, 'newer', one) }, { push: true })
  return (
    <div class="choice" role="group" aria-label="Time range">
      {RANGES.map((one) => (
        <button type="button" key={one} aria-pressed={isChosen(one)} onClick={() => choose(one)}>
          {one}
        </button>
      ))}
    </div>
  )
}

function User() {
  const who = session.value
  if (!who) return null
  const leave = async (): Promise<void> => {
    try {
      await post('logout', {})
      session.value = null
    } catch (error) {
      toastError(error)
    }
  }
  return (
    <>
      <button type="button" class="icon" popovertarget="user" aria-label={`User: ${who.user ?? 'nobody need log in'}`}>
        <CircleUser size={17} />
      </button>
      <div id="user" popover="auto" class="menu">
        <p>
          <b>{who.user ?? 'No login needed here'}</b>
          <span class="faint">
            role {who.role} · Lovage {who.version}
          </span>
        </p>
        <a href="/audit">What was done, and by whom</a>
        {who.user !== null && (
          <button type="button" onClick={() => void leave()}>
            <LogOut size={14} aria-hidden="true" /> Log out
          </button>
        )}
      </div>
    </>
  )
}

export function TopBar() {
  const Theme = theme.value === 'light' ? Sun : theme.value === 'dark' ? Moon : SunMoon
  return (
    <header class="topbar">
      <button type="button" class="seek" onClick={openPalette}>
        <Search size={15} aria-hidden="true" />
        <span>Search or command</span> <kbd>Ctrl K</kbd>
      </button>
      <RangeChoice />
      <Flow />
      <button
        type="button"
        class="icon wide-only"
        aria-label="Keyboard shortcuts"
        title="Shortcuts (?)"
        onClick={openHelp}
      >
        <Keyboard size={17} />
      </button>
      <button
        type="button"
        class="icon"
        aria-label={`Theme: ${theme.value}`}
        title={`Theme: ${theme.value}`}
        onClick={turnTheme}
      >
        <Theme size={17} />
      </button>
      <User />
    </header>
  )
}
