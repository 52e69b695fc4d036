import { createHash } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../src/testing/broker/scene.ts'
import { lovage } from '../cli/lovage.ts'
import { startChild, type Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { temporaryFolder } from '../services/reaper.ts'

export const PATIENCE = { timeoutMs: 60_000 }

/** What runs it: ours, or the original. */
export type Kind = 'lovage' | 'supervisord'

/** A supervisor that runs with a configuration of everything, over TCP and a socket, and how it is reached. */
export interface CtlScene {
  readonly folder: string
  readonly file: string
  readonly child: Child
  readonly urls: { readonly tcp: string; readonly socket: string }
  /** Writes the configuration again, with these sections too, and without those. */
  write(change?: { more?: string; without?: string; poolOf?: number }): void
  stop(): Promise<void>
}

/** The first twenty at once, which are waited for: what is read of its logs is there. */
const TICKS = 'i=0; while :; do i=$((i+1)); echo tick $i; echo tock $i >&2; [ $i -lt 20 ] || sleep 0.05; done'

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

/** Starts one; end it with `stop`. */
export async function ctlScene(kind: Kind): Promise<CtlScene> {
  const folder = temporaryFolder('ctl')
  const file = join(folder, 'supervisord.conf')
  const port = await freePort()
  const urls = { tcp: `http://127.0.0.1:${port}`, socket: `unix://${folder}/s.sock` }
  writeFileSync(join(folder, 'no-program.txt'), 'text')
  chmodSync(join(folder, 'no-program.txt'), 0o644)
  const write: CtlScene['write'] = ({ more = '', without, poolOf = 3 } = {}) => {
    const sections: Record<string, string> = {
      cat: '[program:cat]\ncommand=cat\nstartsecs=0\n',
      crasher:
        '[program:crasher]\ncommand=sh -c "exit 7"\nautostart=false\nstartsecs=60\nstartretries=0\nautorestart=false\n',
      duo: '[group:duo]\nprograms=alpha,beta\npriority=50\n[program:alpha]\ncommand=cat\nstartsecs=0\n[program:beta]\ncommand=cat\nstartsecs=0\n',
      manual: '[program:manual]\ncommand=cat\nautostart=false\nstartsecs=0\n',
      noexec: `[program:noexec]\ncommand=${folder}/no-program.txt\nautostart=false\n`,
      nofile: '[program:nofile]\ncommand=/no/such/program\nautostart=false\n',
      nolog: '[program:nolog]\ncommand=cat\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n',
      pool: `[program:pool]\ncommand=cat\nstartsecs=0\nnumprocs=${poolOf}\nprocess_name=pool_%%(process_num)02d\n`,
      ticker: `[program:ticker]\ncommand=sh -c '${TICKS}'\nstartsecs=0\nstopasgroup=true\n`,
    }
    if (without) delete sections[without]
    const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\nuser=root\n`
    const rpc = `[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n`
    const inet = `[inet_http_server]\nport=127.0.0.1:${port}\nusername=admin\npassword={SHA}${sha1('s3:cret')}\n`
    const unix = `[unix_http_server]\nfile=${folder}/s.sock\nusername=admin\npassword=s3:cret\n`
    const control = `[supervisorctl]\nserverurl=${urls.socket}\nusername=admin\npassword=s3:cret\nprompt=check\n`
    const programs = Object.values(sections).join('').replaceAll('%%(', '%(')
    writeFileSync(file, own + rpc + inet + unix + control + programs + more)
  }
  write()
  const args = ['-n', '-c', file]
  const child =
    kind === 'lovage'
      ? lovage(['supervise', ...args], { cwd: folder })
      : startChild('supervisord', args, { cwd: folder })
  await child.line('success: ticker entered RUNNING state', PATIENCE)
  await until('the ticker has written', () =>
    (['stdout', 'stderr'] as const).every((channel) => {
      const name = readdirSync(folder).find((each) => each.startsWith(`ticker-${channel}-`))
      return name !== undefined && / 20\n/.test(readFileSync(join(folder, name), 'utf8'))
    }),
  )
  return {
    ...{ folder, file, child, urls, write },
    stop: async () => {
      child.signal('SIGTERM')
      await child.ended(PATIENCE)
    },
  }
}

/** One command, its exit code and its output: as it is, or as a pattern of it. */
export type Step = readonly [args: string, code: number, text: string | RegExp]

/** Takes the steps, one after the other: those that were not as they should be, as they were. */
export async function differencesOf(
  steps: readonly Step[],
  run: (args: readonly string[]) => Promise<{ code: number | null; text: string }>,
): Promise<unknown[]> {
  const different: unknown[] = []
  for (const [args, code, text] of steps) {
    const did = await run(args.split(' '))
    const isSame = typeof text === 'string' ? did.text === text : text.test(did.text)
    if (!isSame || did.code !== code) different.push({ args, expected: { code, text: String(text) }, did })
  }
  return different
}

/** These lines and no others. */
function inAnyOrder(...lines: string[]): RegExp {
  const each = lines.map((line) => `(?=(?:.*\\n)*${line}(?:\\n|$))`).join('')
  return new RegExp(`^${each}(?:.*\\n?){${lines.length}}$`)
}

const RUNS = String.raw`RUNNING   pid \d+, uptime 0:\d\d:\d\d`

/** What supervisorctl prints, and how it ends, verb by verb; each step stands on those before it. */
export const STEPS: readonly Step[] = [
  ['version', 0, /^4\.2\.5\S*$/],
  ['pid', 0, /^\d+$/],
  ['pid cat', 0, /^\d+$/],
  ['pid manual', 7, '0'],
  ['pid nosuch', 1, 'No such process nosuch'],
  ['pid all', 0, /^(\d+\n){11}\d+$/],
  [
    'status',
    3,
    new RegExp(
      [
        `^cat                              ${RUNS}`,
        'crasher                          STOPPED   Not started',
        `duo:alpha                        ${RUNS}`,
        `duo:beta                         ${RUNS}`,
        'manual                           STOPPED   Not started',
        'noexec                           STOPPED   Not started',
        'nofile                           STOPPED   Not started',
        `nolog                            ${RUNS}`,
        `pool:pool_00                     ${RUNS}`,
        `pool:pool_01                     ${RUNS}`,
        `pool:pool_02                     ${RUNS}`,
        `ticker                           ${RUNS}$`,
      ].join('\\n'),
    ),
  ],
  ['status cat', 0, new RegExp(`^cat {30}${RUNS}$`)],
  ['status pool:*', 0, new RegExp(`^(pool:pool_0\\d {21}${RUNS}\\n?){3}$`)],
  ['status nosuch', 4, 'nosuch: ERROR (no such process)'],
  ['status nosuch:*', 4, 'nosuch: ERROR (no such group)'],
  ['avail', 0, /^duo:alpha {24}in use {4}auto {6}50:999\n(.*\n)*crasher {26}in use {4}manual {4}999:999\n/],
  ['start', 2, /^Error: start requires a process name\n/],
  ['start manual', 0, 'manual: started'],
  ['start manual', 0, 'manual: ERROR (already started)'],
  ['start nosuch', 1, 'nosuch: ERROR (no such process)'],
  ['start nosuch:*', 2, 'nosuch: ERROR (no such group)'],
  ['start nofile', 1, 'nofile: ERROR (no such file)'],
  ['start noexec', 1, 'noexec: ERROR (file is not executable)'],
  ['start crasher', 7, 'crasher: ERROR (spawn error)'],
  ['stop', 1, /^Error: stop requires a process name\n/],
  // As they end, one after the other.
  ['stop pool:*', 0, inAnyOrder('pool:pool_00: stopped', 'pool:pool_01: stopped', 'pool:pool_02: stopped')],
  ['start pool:*', 0, inAnyOrder('pool:pool_00: started', 'pool:pool_01: started', 'pool:pool_02: started')],
  ['start pool:*', 0, ''],
  [
    'restart cat duo:*',
    0,
    inAnyOrder(
      ...['cat: stopped', 'duo:alpha: stopped', 'duo:beta: stopped'],
      ...['cat: started', 'duo:alpha: started', 'duo:beta: started'],
    ),
  ],
  ['stop manual', 0, 'manual: stopped'],
  ['stop manual', 0, 'manual: ERROR (not running)'],
  ['stop nosuch', 1, 'nosuch: ERROR (no such process)'],
  ['stop nosuch:*', 1, 'nosuch: ERROR (no such group)'],
  ['signal CONT cat', 0, 'cat: signalled'],
  ['signal NOPE cat', 1, 'cat: ERROR (bad signal name)'],
  ['signal HUP manual', 7, 'manual: ERROR (not running)'],
  ['signal CONT pool:*', 0, 'pool:pool_00: signalled\npool:pool_01: signalled\npool:pool_02: signalled'],
  ['signal CONT all', 0, /^(\S+: signalled\n){7}\S+: signalled$/],
  ['signal CONT', 1, /^Error: signal requires a signal name and a process name\n/],
  ['tail ticker', 0, /(tick \d+\n){5}$/],
  ['tail -50 ticker stderr', 0, /^.{0,9}\n(tock \d+\n)+$/],
  ['tail nosuch', 1, 'nosuch: ERROR (no such process name)'],
  ['tail nolog', 1, 'nolog: ERROR (no log file)'],
  ['tail cat stdin', 1, "Error: bad channel 'stdin'"],
  ['tail -x cat', 1, 'Error: bad argument -x'],
  ['tail', 1, /^Error: too few arguments\n/],
  ['maintail -80', 0, /\n$/],
  ['maintail', 0, /INFO spawned: 'cat' with pid \d+\n/],
  ['maintail -x', 1, 'Error: bad argument -x'],
  ['clear cat', 0, 'cat: cleared'],
  ['clear nosuch', 1, 'nosuch: ERROR (no such process)'],
  ['clear all', 0, /^(\S+: cleared\n){11}\S+: cleared$/],
  ['fg', 1, /^ERROR: no process name supplied\n/],
  ['fg nosuch', 1, 'ERROR: bad process name supplied'],
  ['fg manual', 1, 'ERROR: process not running'],
  ['reread', 0, 'No config updates to processes'],
  ['nonsense', 1, '*** Unknown syntax: nonsense'],
]

/** After `[program:fresh]` came, the pool changed and `nolog` went. */
export const CHANGED_STEPS: readonly Step[] = [
  ['reread', 0, 'fresh: available\nnolog: disappeared\npool: changed'],
  ['add fresh', 0, 'fresh: added process group'],
  ['add fresh', 0, 'ERROR: process group already active'],
  ['add nosuch', 1, 'ERROR: no such process/group: nosuch'],
  ['remove fresh', 1, 'ERROR: process/group still running: fresh'],
  ['stop fresh', 0, 'fresh: stopped'],
  ['remove fresh', 0, 'fresh: removed process group'],
  ['remove nosuch', 1, 'ERROR: no such process/group: nosuch'],
  ['update fresh', 0, 'fresh: added process group'],
  ['update nosuch', 1, 'ERROR: no such group: nosuch'],
  ['update', 0, 'nolog: stopped\nnolog: removed process group\npool: stopped\npool: updated process group'],
  ['update', 0, ''],
  ['status pool:*', 0, new RegExp(`^(pool:pool_0\\d {21}${RUNS}\\n?){2}$`)],
]
