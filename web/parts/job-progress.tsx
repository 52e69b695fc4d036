// How a batch goes on, item by item.
import type { Job, JobList } from '../../src/dashboard/api.ts'
import { useLive } from '../live/live.ts'
import { duration, many } from './numbers.ts'
import { State } from './state.tsx'

/** The job of that id, as it goes on. */
export function JobProgress({ id, onCancel }: { id: string; onCancel?(): void }) {
  const jobs = useLive<JobList>('jobs')
  const job = jobs.data.value?.jobs.find((one) => one.id === id)
  return job ? <JobView job={job} {...(onCancel ? { onCancel } : {})} /> : null
}

export function JobView({ job, onCancel }: { job: Job; onCancel?(): void }) {
  const done = job.items.filter(({ status }) => status !== 'queued' && status !== 'running').length
  const failed = job.items.filter(({ status }) => status === 'failed').length
  return (
    <section class="job panel" aria-label={job.title}>
      <header>
        <h2>{job.title}</h2>
        <span role="status">
          {done} of {many(job.items.length, 'item')} done{failed > 0 ? `, ${failed} failed` : ''}
        </span>
        {onCancel && !job.isOver && (
          <button type="button" onClick={onCancel}>
            Cancel the rest
          </button>
        )}
      </header>
      <progress max={job.items.length} value={done} aria-label={job.title} />
      <ul>
        {job.items.map(({ target, status, text, tookMs }) => (
          <li key={target}>
            <State of={status} /> <b>{target}</b> <span class="faint">{text}</span>
            {tookMs !== null && <span class="number">{duration(tookMs)}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
