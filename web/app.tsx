import { lazy, LocationProvider, Route, Router, useLocation } from 'preact-iso'
import { useEffect, useErrorBoundary, useLayoutEffect, useMemo, useState } from 'preact/hooks'
import { loadSession, refusalOf, session, type Refusal } from './live/fetching.ts'
import { isPaused } from './live/stream.ts'
import Login from './pages/login.tsx'
import NotFound from './pages/not-found.tsx'
import Overview from './pages/overview.tsx'
import { ConfirmHost } from './parts/confirm.tsx'
import { ErrorState, Loading } from './parts/page.tsx'
import { Banner } from './shell/banner.tsx'
import { Help, openHelp } from './shell/help.tsx'
import { useKeys, type Shortcut } from './shell/keys.ts'
import { openPalette, Palette } from './shell/palette.tsx'
import { PLACES } from './shell/places.ts'
import { Rail } from './shell/rail.tsx'
import { Toasts } from './shell/toasts.tsx'
import { TopBar } from './shell/topbar.tsx'

const Tasks = lazy(() => import('./pages/tasks.tsx'))
const Task = lazy(() => import('./pages/task.tsx'))
const Workers = lazy(() => import('./pages/workers.tsx'))
const Worker = lazy(() => import('./pages/worker.tsx'))
const Queues = lazy(() => import('./pages/queues.tsx'))
const Queue = lazy(() => import('./pages/queue.tsx'))
const Schedules = lazy(() => import('./pages/schedules.tsx'))
const Gateway = lazy(() => import('./pages/gateway.tsx'))
const Processes = lazy(() => import('./pages/processes.tsx'))
const Audit = lazy(() => import('./pages/audit.tsx'))

function Pages() {
  const [error, reset] = useErrorBoundary()
  const { path } = useLocation()
  useEffect(() => reset(), [path])
  if (error) {
    return (
      <main id="main" class="page">
        <ErrorState
          error={{ message: `This page has failed: ${error}`, fix: 'Load it anew; the others go on.' }}
          retry={() => location.reload()}
        />
      </main>
    )
  }
  return (
    <Router>
      <Route path="/" component={Overview} />
      <Route path="/tasks" component={Tasks} />
      <Route path="/tasks/:id" component={Task} />
      <Route path="/workers" component={Workers} />
      <Route path="/workers/:name" component={Worker} />
      <Route path="/queues" component={Queues} />
      <Route path="/queues/:name" component={Queue} />
      <Route path="/schedules" component={Schedules} />
      <Route path="/gateway" component={Gateway} />
      <Route path="/processes" component={Processes} />
      <Route path="/audit" component={Audit} />
      <Route default component={NotFound} />
    </Router>
  )
}

function Shell() {
  const { route, path } = useLocation()
  const shortcuts = useMemo<Shortcut[]>(
    () => [
      { keys: 'ctrl+k', what: 'Search or command', run: openPalette },
      { keys: '?', what: 'These keys', run: openHelp },
      { keys: 'p', what: 'Stop the flow, or let it go on', run: () => (isPaused.value = !isPaused.value) },
      ...PLACES.map((place) => ({ keys: `g ${place.key}`, what: place.name, run: () => route(place.path) })),
    ],
    [route],
  )
  useKeys(shortcuts)
  // Whoever moves by keys or screen reader comes to the new page, not to the link that led there.
  const [first] = useState(path)
  useLayoutEffect(() => {
    for (const open of document.querySelectorAll<HTMLElement>('[popover]:popover-open')) open.hidePopover()
    if (path !== first) document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true })
  }, [path])
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <Rail />
      <TopBar />
      <div class="content">
        <Banner />
        <Pages />
      </div>
      <Palette />
      <Help />
    </div>
  )
}

function Door() {
  const { path } = useLocation()
  const [error, setError] = useState<Refusal>()
  const load = (): void => {
    setError(undefined)
    loadSession().catch((thrown: unknown) => setError(refusalOf(thrown)))
  }
  useEffect(load, [])
  if (session.value === null || path === '/login') return <Login />
  if (session.value) return <Shell />
  return (
    <main id="main" class="page">
      {error ? <ErrorState error={error} retry={load} /> : <Loading />}
    </main>
  )
}

export function App() {
  return (
    <LocationProvider>
      <Door />
      <Toasts />
      <ConfirmHost />
    </LocationProvider>
  )
}
