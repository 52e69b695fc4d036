import { Copy as CopyIcon } from 'lucide-preact'
import { toast } from '../shell/toasts.tsx'

/** Puts a text into the clipboard, and says so. */
export function Copy({ text, label, word }: { text: string; label: string; word?: string }) {
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      toast('ok', `${label}: copied.`)
    } catch {
      // Browsers give the clipboard to pages over HTTPS and on this machine alone.
      toast(
        'bad',
        'The browser does not let this page copy.',
        'Select the text and copy it by hand, or serve the page over HTTPS.',
      )
    }
  }
  return (
    <button type="button" class={word ? '' : 'icon'} aria-label={label} title={label} onClick={() => void copy()}>
      <CopyIcon size={14} aria-hidden="true" /> {word}
    </button>
  )
}
