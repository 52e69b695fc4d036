import { Pause, Play, Zap } from 'lucide-preact'
import { useEffect, useState } from 'preact/hooks'
import type { ActionAnswer, ScheduleList } from '../../src/dashboard/api.ts'
import { now } from '../live/clock.ts'
import { useLive } from '../live/live.ts'
import { confirmAct } from '../parts/confirm.tsx'
import { mayAct } from '../parts/may-act.ts'
import { count, exactly } from '../parts/numbers.ts'
import { Empty, Page } from '../parts/page.tsx'
import { Ribbon } from '../parts/ribbon.tsx'
import { Age, State } from '../parts/state.tsx'
import { useUrlState } from '../shell/url-state.ts'
import { taskHref, tasksHref } from './fleet-links.tsx'
import { DAY_MS, ribbonWords, ticksOf } from './schedule-ticks.ts'
import { inWords } from './schedule-words.ts'
import './fleet.css'
import './schedules.css'

type Schedule = ScheduleList['schedules'][number]

const run = (schedule: Schedule) =>
  confirmAct(
    {
      title: `Run ${schedule.name} now`,
      text: `${schedule.task} is sent once, at once; the schedule itself stays as it is.`,
      verb: 'Run now',
    },
    'schedule-run',
    { target: schedule.name },
  )

const pause = (schedule: Schedule) =>
  confirmAct(
    {
      title: `Pause ${schedule.name}`,
      text: 'It sends nothing until somebody resumes it; what comes due meanwhile is not made up for.',
      verb: 'Pause',
    },
    'schedule-pause',
    { target: schedule.name },
  )

const resume = (schedule: Schedule) =>
  confirmAct(
    { title: `Resume ${schedule.name}`, text: 'It comes due again, from its next time on.', verb: 'Resume' },
    'schedule-resume',
    { target: schedule.name },
  )

function stateOf({ isPaused, isEnabled, nextMs }: Schedule): string {
  if (!isEnabled) return 'disabled'
  if (isPaused) return 'paused'
  return nextMs === null ? 'ended' : 'on'
}

/** The expression as people say it, as soon as somebody who can tell is loaded. */
function useWords(schedule: string): string | null {
  const [words, setWords] = useState<string | null>(null)
  useEffect(() => {
    let isOver = false
    void inWords(schedule).then((text) => {
      if (!isOver) setWords(text)
    })
    return () => {
      isOver = true
    }
  }, [schedule])
  return words
}

export default function SchedulesPage() {
  const live = useLive<ScheduleList>('schedules')
  const { values, set } = useUrlState()
  const list = live.data.value
  const all = list?.schedules ?? []
  const words = (values['q'] ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const shown = all.filter(({ name, task, schedule }) => {
    const text = `${name}\n${task}\n${schedule}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const paused = all.filter(({ isPaused }) => isPaused).length
  return (
    <Page
      title="Schedules"
      live={live}
      aside={
        <>
          <span>
            <b>{all.length}</b> {all.length === 1 ? 'schedule' : 'schedules'}
            {paused > 0 && (
              <>
                , <b>{paused}</b> paused
              </>
            )}
          </span>
          <input
            type="search"
            aria-label="Filter schedules"
            placeholder="Filter"
            value={values['q'] ?? ''}
            onInput={(event) => set({ q: event.currentTarget.value })}
          />
        </>
      }
    >
      {shown.length > 0 && (
        <div class="ribbon-axis faint" aria-hidden="true">
          <span>24 h ago</span>
          <span>now</span>
          <span>in 24 h</span>
        </div>
      )}
      <ul class="schedules">
        {shown.map((schedule) => (
          <ScheduleRow key={schedule.name} schedule={schedule} reload={() => void live.reload()} />
        ))}
      </ul>
      {list && shown.length === 0 && (
        <Empty title={list.missing ?? (all.length > 0 ? 'No schedule fits the filter' : 'There are no schedules')}>
          {all.length === 0 && 'Entries of beat(app, { … }) and of lovage beat add are shown here.'}
        </Empty>
      )}
    </Page>
  )
}

function ScheduleRow({ schedule, reload }: { schedule: Schedule; reload: () => void }) {
  const words = useWords(schedule.schedule)
  const at = now.value
  const state = stateOf(schedule)
  const done = (asked: Promise<ActionAnswer | undefined>): void => void asked.then((answer) => answer && reload())
  return (
    <li class={`panel schedule ${state === 'on' ? '' : 'is-quiet'}`}>
      <div class="what">
        <h2>{schedule.name}</h2>
        <State of={state} tone={state === 'on' ? 'ok' : 'off'} />
        <a href={tasksHref({ name: schedule.task })}>{schedule.task}</a>
      </div>
      <div class="when">
        <span>{words ?? schedule.schedule}</span>
        <span class="faint">
          {words !== null && <code>{schedule.schedule}</code>} {schedule.timezone}
          {!schedule.isInCode && ' · added at run time'}
        </span>
      </div>
      <dl class="figures">
        <div>
          <dt>Next</dt>
          <dd>
            <Age at={schedule.nextMs} />
          </dd>
        </div>
        <div>
          <dt>Last</dt>
          <dd>
            {schedule.last ? (
              <a href={taskHref(schedule.last.id)} title={exactly(schedule.last.atMs)}>
                <Age at={schedule.last.atMs} /> {schedule.last.state && <State of={schedule.last.state} />}
              </a>
            ) : (
              <span class="faint">never</span>
            )}
          </dd>
        </div>
        <div>
          <dt>Runs</dt>
          <dd>
            <a href={tasksHref({ name: schedule.task })}>{count(schedule.runs)}</a>
          </dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd>
            {schedule.failures === 0 ? (
              <span class="faint">0</span>
            ) : (
              <a class="toned tone-bad" href={tasksHref({ name: schedule.task, state: 'FAILURE' })}>
                {count(schedule.failures)}
              </a>
            )}
          </dd>
        </div>
        <div>
          <dt>Missed</dt>
          <dd class={schedule.skipped > 0 ? 'toned tone-warn' : 'faint'}>{count(schedule.skipped)}</dd>
        </div>
      </dl>
      <Ribbon
        fromMs={at - DAY_MS}
        toMs={at + DAY_MS}
        nowMs={at}
        ticks={ticksOf(schedule, at)}
        label={ribbonWords(schedule, at)}
      />
      {mayAct('schedule-run') && (
        <div class="bar" role="toolbar" aria-label={`Actions on ${schedule.name}`}>
          <button type="button" onClick={() => done(run(schedule))}>
            <Zap size={13} aria-hidden="true" /> Run now
          </button>
          {schedule.isPaused ? (
            <button type="button" onClick={() => done(resume(schedule))}>
              <Play size={13} aria-hidden="true" /> Resume
            </button>
          ) : (
            <button type="button" onClick={() => done(pause(schedule))}>
              <Pause size={13} aria-hidden="true" /> Pause
            </button>
          )}
        </div>
      )}
    </li>
  )
}
