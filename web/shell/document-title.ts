import { useEffect } from 'preact/hooks'

/** Names the page in the tab, and tells screen readers where they have come to. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === 'Overview' ? 'Lovage' : `${title} · Lovage`
  }, [title])
}
