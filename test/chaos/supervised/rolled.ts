import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { lovage } from '../../../src/index.ts'
import { lovage as startLovage, project, ROOT } from '../../cli/lovage.ts'
import { startChild, type Child } from '../../services/child.ts'
import { PYTHON } from '../../services/python.ts'

const PATIENCE = { timeoutMs: 120_000 }
const RESULTS_MS = 120_000
const WORKERS = 4
const QUEUE = 'supervised'

/** Who restarts the workers: ours, one after the other, each drained first; or the original, all of them at once. */
export type Restarter = 'lovage' | 'supervisord'

export interface RolledOptions {
  /** `amqp://` or `redis://`. */
  readonly broker: string
  readonly backend: string
  readonly restarter: Restarter
  /** Whose workers they are. Default ours. */
  readonly workers?: 'lovage' | 'celery'
  /** Restarts of all four. */
  readonly rounds: number
  readonly perSecond: number
  /** Of one task of ten. It is longer than a program is given that is stopped. */
  readonly longMs: number
}

export interface RolledGroup {
  readonly sent: number
  readonly succeeded: number
  /** Failed, or nobody has ever heard of them again. */
  readonly lost: number
  /** Began more than once. */
  readonly duplicates: number
  readonly restarts: number
  /** What the command said of a round that it did not end. */
  readonly complaints: readonly string[]
  readonly secondsPerRound: number
  /** Longest time in which no task has begun. */
  readonly longestPauseMs: number
}

const SHORT_MS = 100
const STOP_WAIT_S = 1

const FILES = {
  'tasks.mjs': `
import { appendFileSync } from 'node:fs'
import { currentTask, lovage } from 'lovage'
export const app = lovage('rolled', { defaultQueue: '${QUEUE}' })
app.task('nap', async (ms) => {
  appendFileSync('began', currentTask().id + ' ' + Date.now() + '\\n')
  await new Promise((resolve) => setTimeout(resolve, ms))
  return ms
})
`,
  'tasks.py': `
import os, time
from celery import Celery
app = Celery('rolled', broker=os.environ['LOVAGE_BROKER_URL'], backend=os.environ['CELERY_BACKEND'])
app.conf.task_default_queue = '${QUEUE}'
app.conf.broker_connection_retry_on_startup = True
@app.task(name='nap', bind=True)
def nap(self, ms):
    with open('began', 'a') as began:
        began.write('%s %d\\n' % (self.request.id, time.time() * 1000))
    time.sleep(ms / 1000)
    return ms
`,
}

/** Restarts four workers under load through a supervisor, so many times, and tells what became of the tasks. */
export async function rollGroup(options: RolledOptions): Promise<RolledGroup> {
  const { broker, backend, restarter, workers = 'lovage', rounds, perSecond, longMs } = options
  const folder = project(FILES)
  const conf = join(folder, 'supervisord.conf')
  const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend, CELERY_BACKEND: backend }
  writeFileSync(conf, confOf(folder, workers))
  const supervisor: Child =
    restarter === 'lovage'
      ? startLovage(['supervise', '-n', '-c', conf], { cwd: folder, env })
      : startChild('supervisord', ['-n', '-c', conf], { cwd: folder, env })
  const app = lovage('rolled', { broker, backend, defaultQueue: QUEUE }, { env: {} })
  const nap = app.remote<(ms: number) => number>('nap')
  try {
    for (let nth = 0; nth < WORKERS; nth++) await supervisor.line(`success: w${nth} entered RUNNING state`, PATIENCE)
    await until(() => readiness(folder, workers) === WORKERS)
    const ends = { sent: 0, succeeded: 0 }
    const waits: Promise<void>[] = []
    let isOver = false
    const sending = (async () => {
      while (!isOver) {
        const ms = ends.sent++ % 10 === 0 ? longMs : SHORT_MS
        const result = nap.delay(ms).get({ timeout: RESULTS_MS })
        waits.push(
          result.then(
            () => void ends.succeeded++,
            () => {},
          ),
        )
        await sleep(systemClock, 1_000 / perSecond)
      }
    })()
    const complaints: string[] = []
    const fromMs = systemClock.monotonic()
    for (let round = 0; round < rounds; round++) {
      const { code, text } = await restart(restarter, conf, folder)
      if (code !== 0) complaints.push(text)
    }
    const tookMs = systemClock.monotonic() - fromMs
    await sleep(systemClock, SHORT_MS)
    isOver = true
    await sending
    await Promise.all(waits)
    const began = readFileSync(join(folder, 'began'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    const times = began.map(([, ms]) => Number(ms)).toSorted((a, b) => a - b)
    return {
      ...ends,
      lost: ends.sent - ends.succeeded,
      duplicates: began.length - new Set(began.map(([id]) => id)).size,
      ...{ restarts: rounds * WORKERS, complaints, secondsPerRound: tookMs / 1_000 / rounds },
      longestPauseMs: Math.max(...times.slice(1).map((ms, index) => ms - (times[index] as number))),
    }
  } finally {
    await app.close()
    supervisor.signal('SIGTERM')
    try {
      await supervisor.ended(PATIENCE)
    } finally {
      await supervisor.kill()
    }
  }
}

async function restart(
  restarter: Restarter,
  conf: string,
  folder: string,
): Promise<{ code: number | null; text: string }> {
  if (restarter === 'lovage') {
    const child = startLovage(['ctl', '-c', conf, 'rolling-restart', 'workers:*'], { cwd: folder })
    const { code } = await child.ended({ timeoutMs: 600_000 })
    return { code, text: child.lines.join('\n') }
  }
  const child = startChild('supervisorctl', ['-c', conf, 'restart', 'workers:*'], { cwd: folder })
  const { code } = await child.ended({ timeoutMs: 600_000 })
  return { code, text: child.lines.join('\n') }
}

function confOf(folder: string, workers: 'lovage' | 'celery'): string {
  const main = `${process.execPath} ${join(ROOT, 'dist/cli/main.js')}`
  const command =
    workers === 'lovage'
      ? `${main} worker -A tasks.mjs -n w%(process_num)d@rolled -c 10`
      : `${PYTHON} -m celery -A tasks worker -P threads -c 10 -n w%(process_num)d@rolled -Q ${QUEUE} -l INFO`
  const ready = workers === 'lovage' ? 'lovage \\d+\\.\\d+' : ' ready\\.'
  return `[supervisord]
logfile=${folder}/main.log
pidfile=${folder}/pid
childlogdir=${folder}
user=${process.getuid?.() === 0 ? 'root' : process.getuid?.()}
[unix_http_server]
file=${folder}/s.sock
[supervisorctl]
serverurl=unix://${folder}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:workers]
command=${command}
directory=${folder}
numprocs=${WORKERS}
process_name=w%(process_num)d
startsecs=1
stopwaitsecs=${STOP_WAIT_S}
redirect_stderr=true
stdout_logfile=${folder}/w%(process_num)d.log
ready=log:${ready}
drain=${main} drain w%(process_num)d@rolled --timeout 60s
`
}

function readiness(folder: string, workers: 'lovage' | 'celery'): number {
  const pattern = workers === 'lovage' ? /lovage \d/ : / ready\./
  const logs = Array.from({ length: WORKERS }, (_, nth) => join(folder, `w${nth}.log`))
  return logs.filter((log) => existsSync(log) && pattern.test(readFileSync(log, 'utf8'))).length
}

async function until(is: () => boolean): Promise<void> {
  const endMs = systemClock.monotonic() + PATIENCE.timeoutMs
  while (!is()) {
    if (systemClock.monotonic() > endMs) throw new Error('the workers are not ready')
    await sleep(systemClock, 100)
  }
}
