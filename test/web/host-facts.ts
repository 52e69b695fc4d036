import type { AuditList, JobList } from '../../src/dashboard/api.ts'
import { HARMFUL } from './task-facts.ts'

export function audit(nowMs: number): AuditList {
  return {
    entries: Array.from({ length: 40 }, (_, index) => ({
      atMs: nowMs - index * 61_000,
      user: index % 3 ? 'ana' : 'ben',
      from: '10.0.0.7',
      action: index % 2 ? 'task-revoke' : 'task-retry',
      target: index === 2 ? HARMFUL : `9f2c6e1a-0000-4000-8000-${String(index).padStart(12, '0')}`,
      options: index % 4 ? {} : { args: [1, 2] },
      outcome: index % 7 ? 'done' : 'refused',
      text: index % 7 ? 'Sent again.' : 'Who only views may not do this.',
    })),
  }
}

export function jobs(nowMs: number): JobList {
  return {
    jobs: [
      {
        id: 'job-1',
        title: 'restart 3 processes',
        by: 'ana',
        atMs: nowMs,
        isOver: false,
        items: [
          { target: 'web-01:mail:mail_00', status: 'done', text: 'restarted', tookMs: 1_200 },
          { target: 'web-01:mail:mail_01', status: 'running', text: null, tookMs: null },
          { target: 'web-02:mail:mail_00', status: 'queued', text: null, tookMs: null },
        ],
      },
    ],
  }
}
