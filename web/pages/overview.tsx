import { useRef } from 'preact/hooks'
import { lazy, useLocation } from 'preact-iso'
import type { Attention, Overview as Facts } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { FlowStrip } from '../parts/flow-strip.tsx'
import { count, hourMinute, many, percent, rate } from '../parts/numbers.ts'
import { Empty, Page, Panel } from '../parts/page.tsx'
import { Meter } from '../parts/spark.tsx'
import { Age, Shape } from '../parts/state.tsx'
import { now } from '../live/clock.ts'
import { useRange } from '../shell/url-state.ts'
import { filterLink } from './task-filter.ts'
import { Later } from '../parts/later.tsx'

const Throughput = lazy(() => import('./throughput.tsx'))

/** Names are long and told apart by their ends; more than these are on the page of tasks. */
const MOST_FAILING = 8

function Health({ attention, rates }: { attention: readonly Attention[]; rates: Facts['rates'] }) {
  const bad = attention.filter(({ level }) => level === 'bad').length
  const tone = bad > 0 ? 'bad' : attention.length > 0 ? 'warn' : 'ok'
  const isIdle = rates.sent === 0 && rates.started === 0
  return (
    <section class={`health tone-${tone}`} aria-label="Health">
      <p role="status">
        <Shape tone={tone} />
        <b>{attention.length === 0 ? 'All is well' : `All is well except ${many(attention.length, 'thing')}`}</b>
        {attention.length === 0 && <span class="faint">{isIdle ? 'and nothing runs just now' : 'and tasks flow'}</span>}
      </p>
      {attention.length > 0 && (
        <ul>
          {attention.map(({ level, text, link, sinceMs }) => (
            <li key={text} class={`tone-${level}`}>
              <Shape tone={level} />
              <a href={link}>{text}</a>
              {sinceMs !== null && (
                <span class="faint">
                  for <Age at={sinceMs} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

const RATES = [
  { key: 'sent', word: 'sent', state: '' },
  { key: 'started', word: 'started', state: 'STARTED' },
  { key: 'succeeded', word: 'succeeded', state: 'SUCCESS' },
  { key: 'failed', word: 'failed', state: 'FAILURE' },
  { key: 'retried', word: 'retried', state: 'RETRY' },
] as const

const TONES = { sent: 'wait', started: 'run', succeeded: 'ok', failed: 'bad', retried: 'warn' } as const

function Rates({ rates }: { rates: Facts['rates'] }) {
  return (
    <ul class="rates" aria-label="Rates of the last minute">
      {RATES.map(({ key, word, state }) => (
        <li key={key} class={key === 'failed' && rates.failed > 0 ? 'tone-bad' : ''}>
          <a href={state ? filterLink({ state }) : '/tasks'}>
            <b>{rate(rates[key])}</b>
            <span>
              <Shape tone={TONES[key]} /> {word}
            </span>
          </a>
        </li>
      ))}
    </ul>
  )
}

function Failing({ failing, range }: { failing: Facts['failing']; range: string }) {
  const top = Math.max(1, ...failing.map((one) => one.count))
  return (
    <Panel title="Failing" aside={<span class="faint">last {range}</span>}>
      {failing.length === 0 ? (
        <Empty title="Nothing failed." />
      ) : (
        <ol class="failing">
          {failing.slice(0, MOST_FAILING).map((one) => (
            <li key={one.name + one.error}>
              <a href={filterLink({ state: 'FAILURE', name: one.name })} title={one.name}>
                {one.name}
              </a>
              <span class="faint" title={one.error}>
                {one.error}
              </span>
              <Meter share={one.count / top} tone="bad" label={many(one.count, 'failure')} />
              <b class="number">{count(one.count)}</b>
              <span class="number faint" title="Of all runs of that name">
                {percent(one.share)}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Coming({ next }: { next: Facts['next'] }) {
  return (
    <Panel title="Next" aside={<a href="/schedules">all schedules</a>}>
      {next.length === 0 ? (
        <Empty title="No schedule is due." />
      ) : (
        <ol class="coming">
          {next.slice(0, MOST_FAILING).map(({ schedule, atMs }) => (
            <li key={schedule + atMs}>
              <time dateTime={new Date(atMs).toISOString()}>{hourMinute(atMs)}</time>
              <a href={`/schedules?name=${encodeURIComponent(schedule)}`}>{schedule}</a>
              <span class="faint number">{atMs > now.value ? <Age at={atMs} /> : 'due'}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

export default function Overview() {
  const chosen = useRange()
  const { path } = useLocation()
  // It stays while the next page loads, and the address is that one's already.
  const own = useRef(chosen)
  if (path === '/') own.current = chosen
  const range = own.current
  const live = useLive<Facts>('overview', { range })
  const facts = live.data.value
  return (
    <Page title="Overview" live={live} aside={facts && <code class="faint">{facts.broker}</code>}>
      {facts && (
        <>
          <Health attention={facts.attention} rates={facts.rates} />
          <Rates rates={facts.rates} />
          <FlowStrip flow={facts.flow} rates={facts.rates} />
          <Panel title="Throughput" kind="throughput" aside={<span class="faint">tasks a second, last {range}</span>}>
            <Later height={200}>
              <Throughput series={facts.series} />
            </Later>
          </Panel>
          <div class="columns">
            <Failing failing={facts.failing} range={range} />
            <Coming next={facts.next} />
          </div>
        </>
      )}
    </Page>
  )
}
