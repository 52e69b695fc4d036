// Short messages that go by themselves, told to screen readers too. What failed stays until it is closed.
import { signal } from '@preact/signals'
import { X } from 'lucide-preact'
import { refusalOf } from '../live/fetching.ts'

interface Toast {
  readonly id: number
  readonly tone: 'ok' | 'bad' | 'note'
  readonly text: string
  readonly fix: string | undefined
}

const SHOWN_MS = 6_000
const MOST = 4

const toasts = signal<readonly Toast[]>([])
let last = 0

export function toast(tone: Toast['tone'], text: string, fix?: string): void {
  last += 1
  const id = last
  toasts.value = [...toasts.value.slice(1 - MOST), { id, tone, text, fix }]
  if (tone !== 'bad') setTimeout(() => close(id), SHOWN_MS)
}

/** Shows what went wrong, and what to do about it. */
export function toastError(error: unknown): void {
  const refusal = refusalOf(error)
  toast('bad', refusal.message, refusal.fix)
}

function close(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id)
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite" aria-label="Messages">
      {toasts.value.map(({ id, tone, text, fix }) => (
        <div key={id} class={`toast tone-${tone}`}>
          <p>
            {text}
            {fix && <span class="fix">{fix}</span>}
          </p>
          <button type="button" class="icon" aria-label="Close message" onClick={() => close(id)}>
            <X size={14} />
          </button>
        </div>
      ))}
    </div>
  )
}
