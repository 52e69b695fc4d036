// Keys: `g t` and the like everywhere, what a page adds while it is shown, and none of it while somebody types.
import { useLayoutEffect } from 'preact/hooks'

export interface Shortcut {
  /** `/`, `j`, `Enter`, `g o`, `ctrl+k`. */
  readonly keys: string
  /** What it does, for the list of shortcuts. */
  readonly what: string
  run(event: KeyboardEvent): void
}

/** How long the second key of two may take: whoever looks for it on the keyboard finds it in that time. */
const SEQUENCE_MS = 5_000

/** The newest first, so that what is on top answers. */
const layers: (readonly Shortcut[])[] = []
let first = ''
let firstAtMs = 0

const TYPING = 'input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]'

function nameOf(event: KeyboardEvent): string {
  return (event.ctrlKey || event.metaKey ? 'ctrl+' : '') + (event.key.length === 1 ? event.key : event.key)
}

function find(keys: string): Shortcut | undefined {
  for (const layer of layers) {
    const found = layer.find((shortcut) => shortcut.keys === keys)
    if (found) return found
  }
  return undefined
}

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing) return
  const target = event.target as HTMLElement
  const name = nameOf(event)
  const isFree = !target.closest(TYPING) && !document.querySelector('dialog[open]')
  if (!isFree && !name.startsWith('ctrl+')) return
  // What has the focus is pressed by Enter; a link or a button wants no other meaning of it.
  if (event.key === 'Enter' && target.closest('a, button, summary, input')) return
  const isSecond = first !== '' && event.timeStamp - firstAtMs < SEQUENCE_MS
  const shortcut = (isSecond ? find(`${first} ${name}`) : undefined) ?? find(name)
  first = ''
  if (shortcut) {
    event.preventDefault()
    shortcut.run(event)
  } else if (layers.some((layer) => layer.some(({ keys }) => keys.startsWith(`${name} `)))) {
    first = name
    firstAtMs = event.timeStamp
  }
})

/** Adds shortcuts while the component is shown. They answer from its first picture on, not from some time after it. */
export function useKeys(shortcuts: readonly Shortcut[]): void {
  useLayoutEffect(() => {
    layers.unshift(shortcuts)
    return () => {
      layers.splice(layers.indexOf(shortcuts), 1)
    }
  }, [shortcuts])
}

/** All that answer now, for the list of shortcuts. */
export function shortcutsNow(): Shortcut[] {
  const seen = new Set<string>()
  return layers.flat().filter(({ keys }) => !seen.has(keys) && seen.add(keys))
}
