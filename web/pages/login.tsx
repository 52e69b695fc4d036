import { useLocation } from 'preact-iso'
import { useEffect, useState } from 'preact/hooks'
import type { Session } from '../../src/dashboard/api.ts'
import { post, refusalOf, session, type Refusal } from '../live/fetching.ts'
import { useTitle } from '../shell/document-title.ts'

/** Where to go after: a path of these pages, never another site. */
function wayBack(query: Readonly<Record<string, string>>, path: string): string {
  const next = query['next'] ?? (path === '/login' ? '/' : location.pathname + location.search)
  return next.startsWith('/') && !/^\/[/\\]/.test(next) ? next : '/'
}

export default function Login() {
  useTitle('Log in')
  const { query, path, route } = useLocation()
  const [refusal, setRefusal] = useState<Refusal>()
  const [isBusy, setBusy] = useState(false)
  const next = wayBack(query, path)
  useEffect(() => {
    if (session.value && path === '/login') route(next, true)
  }, [session.value])

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    setBusy(true)
    try {
      const who = await post<Session>('login', { user: form.get('user'), password: form.get('password') })
      route(next, true)
      session.value = who
    } catch (error) {
      setRefusal(refusalOf(error))
      setBusy(false)
    }
  }
  return (
    <main id="main" class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" class="leaf">
            <path d="M16 28V12M16 19c-6 0-9-3-9-9 6 0 9 3 9 9Zm0-4c0-6 3-9 9-9 0 6-3 9-9 9Z" />
          </svg>
          Log in to Lovage
        </h1>
        <label>
          User
          <input name="user" autocomplete="username" required autofocus spellcheck={false} />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {refusal && (
          <p class="problem" role="alert">
            {refusal.message} {refusal.fix && <span class="fix">{refusal.fix}</span>}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Asking…' : 'Log in'}
        </button>
      </form>
    </main>
  )
}
