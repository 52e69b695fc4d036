// What no topic tells whole: asked for at once, and again and again while the page is live.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { serverNow } from './clock.ts'
import { get, refusalOf, type Refusal } from './fetching.ts'
import type { Live } from './live.ts'
import { connection } from './stream.ts'

const EVERY_MS = 5_000

/** `GET path`, repeated while the page is live; as a `Live`, for pages to stand on. */
export function useFetched<T extends object>(path: string, everyMs: number = EVERY_MS): Live<T> {
  const data = useSignal<T | undefined>(undefined)
  const error = useSignal<Refusal | undefined>(undefined)
  const atMs = useSignal<number | undefined>(undefined)
  const wanted = useRef(path)
  wanted.current = path
  const reload = useMemo(
    () => async (): Promise<void> => {
      try {
        const got = await get<T>(path)
        // What was asked for before says nothing of what is asked for now.
        if (wanted.current !== path) return
        data.value = got
        error.value = undefined
        atMs.value = serverNow()
      } catch (thrown) {
        if (wanted.current === path) error.value = refusalOf(thrown)
      }
    },
    [path],
  )
  useEffect(() => {
    data.value = error.value = undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    // One question after the other, however slow the answers are.
    const again = async (): Promise<void> => {
      if (data.peek() === undefined || connection.peek() === 'live') await reload()
      if (!isOver) timer = setTimeout(() => void again(), everyMs)
    }
    void again()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [path, everyMs])
  return useMemo(() => ({ data, error, atMs, reload }), [reload])
}
