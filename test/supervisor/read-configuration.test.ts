import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isLovageError } from '../../src/base/errors.ts'
import type { GroupConfig, ProcessConfig, ServerConfig, SupervisorConfig } from '../../src/supervisor/configuration.ts'
import { readConfiguration } from '../../src/supervisor/read-configuration.ts'
import { temporaryFolder } from '../services/reaper.ts'

type Captured = { text: string; result: { error?: string; groups?: object[]; servers?: object[]; warnings?: string[] } }

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/supervisor/config-cases.json', import.meta.url), 'utf8'),
) as Record<string, Captured>

/** Where the captured cases were read, with what they include; the captured paths begin with `/casedir`. */
function caseFolder(): string {
  const folder = temporaryFolder('supervisor-conf')
  mkdirSync(join(folder, 'inc'))
  writeFileSync(join(folder, 'inc', 'one.ini'), '[program:inc1]\ncommand=%(here)s/run\n')
  return folder
}

const ENV = { CHECK_X: 'envx', HOME: '/root', PATH: '/bin', PCT: '100%' }

function read(text: string, folder = caseFolder()): SupervisorConfig {
  const file = join(folder, 's.conf')
  writeFileSync(file, text)
  return readConfiguration(file, { env: ENV, host: 'vm', temporary: '/tmp' })
}

const target = (logfile: ProcessConfig['stdout']['logfile']): string | null =>
  typeof logfile === 'object' ? logfile.path : logfile === 'AUTO' ? 'AUTO' : null

/** A process in the form of the captured cases. */
function processOf(config: ProcessConfig): object {
  const channel = (name: 'stdout' | 'stderr'): [string, unknown][] => {
    const { logfile, maxbytes, backups, captureMaxbytes, eventsEnabled, syslog } = config[name]
    return Object.entries({
      logfile: target(logfile),
      ...{ capture_maxbytes: captureMaxbytes, events_enabled: eventsEnabled, syslog },
      ...{ logfile_backups: backups, logfile_maxbytes: maxbytes },
    }).map(([key, value]) => [`${name}_${key}`, value])
  }
  const { name, uid, command, directory, umask, priority, autostart, autorestart, startsecs, startretries } = config
  const { stopsignal, stopwaitsecs, stopasgroup, killasgroup, exitcodes, environment, serverurl } = config
  return {
    ...{ name, uid, command, directory, umask, priority, autostart, startsecs, startretries },
    autorestart: autorestart === true ? 'always' : autorestart,
    ...Object.fromEntries([...channel('stdout'), ...channel('stderr')]),
    ...{ stopsignal, stopwaitsecs, stopasgroup, killasgroup, exitcodes, environment, serverurl },
    redirect_stderr: config.redirectStderr,
  }
}

const KINDS = {
  program: 'ProcessGroupConfig',
  eventlistener: 'EventListenerPoolConfig',
  'fcgi-program': 'FastCGIGroupConfig',
}

/** The class names of supervisord's events. */
const EVENTS: Record<string, string> = { PROCESS_STATE: 'ProcessStateEvent', TICK_60: 'Tick60Event' }

function groupOf({ name, kind, priority, processes, events, bufferSize, socket }: GroupConfig): object {
  return {
    ...{ group: name, priority, kind: KINDS[kind], processes: processes.map(processOf) },
    ...(events ? { events: events.map((event) => EVENTS[event]), buffer_size: bufferSize } : {}),
    ...(socket === undefined ? {} : { socket }),
  }
}

function serverOf(server: ServerConfig): object {
  const { section, name, username, password } = server
  const common = { section, name, username, password }
  return server.kind === 'inet'
    ? { ...common, family: 2, host: server.host, port: server.port }
    : { ...common, family: 1, file: server.file, chmod: server.chmod, chown: server.chown }
}

/** What of a case that supervisord refuses is wrong, by section and option. */
const REFUSED: Record<string, string> = {
  'unknown expansion is an error': '3 program:a command',
  'lone percent is an error': '3 program:a command',
  'numprocs needs process_num': '2 program:a process_name',
  'environment bad': '4 program:a environment',
  'byte size bad': '4 program:a stdout_logfile_maxbytes',
  'boolean bad': '4 program:a autostart',
  'autorestart bad': '4 program:a autorestart',
  'exitcodes bad': '4 program:a exitcodes',
  'signal bad': '4 program:a stopsignal',
  'stopasgroup without killasgroup': '5 program:a killasgroup',
  'logfile missing dir': '4 program:a stdout_logfile',
  'umask bad': '4 program:a umask',
  'user unknown': '4 program:a user',
  'no command': '2 program:a ',
  'name with space': '2 program:a b ',
  'name with colon': '2 program:a:b ',
  'name with slash': '2 program:a/b ',
  'group unknown program': '5 group:g programs',
  'eventlistener without events': '2 eventlistener:l ',
  'eventlistener redirect_stderr': '5 eventlistener:l redirect_stderr',
  'eventlistener bad event': '4 eventlistener:l events',
  'fcgi without socket': '2 fcgi-program:f ',
  'include without files': '2 include ',
  'no supervisord section': '1 supervisord ',
  'inet user without password': '6 inet_http_server username',
  'inet no port': '4 inet_http_server ',
  'unix no file': '4 unix_http_server ',
  'loglevel bad': '2 supervisord loglevel',
  'minfds bad': '2 supervisord minfds',
  'no section header': '1  ',
  'startsecs text': '4 program:a startsecs',
}

describe('each configuration that was captured from supervisord', () => {
  const all = Object.entries(cases)
  test('is there', () => expect(all).toHaveLength(82))

  test.each(all.filter(([, { result }]) => result.error === undefined))(
    'is read as there: %s',
    (_name, { text, result }) => {
      const folder = caseFolder()
      const { groups, servers, warnings } = read(text, folder)
      const ours = { groups: groups.map(groupOf), servers: servers.map(serverOf) }
      expect(JSON.parse(JSON.stringify(ours).replaceAll(folder, '/casedir'))).toEqual({
        groups: result.groups,
        servers: result.servers,
      })
      expect(warnings).toHaveLength(result.warnings?.length ?? 0)
    },
  )

  test.each(all.filter(([, { result }]) => result.error !== undefined))(
    'is refused as there, with line, section and option: %s',
    (name, { text }) => {
      let refused: unknown
      try {
        read(text)
      } catch (error) {
        refused = error
      }
      if (!isLovageError(refused, 'SUPERVISOR_CONFIG_INVALID')) throw refused ?? new Error('it was taken')
      const { file, line, section = '', option = '' } = refused.details as Record<string, string>
      expect(`${line} ${section} ${option}`).toBe(REFUSED[name])
      expect(refused.message).toContain(`${file}:${line}`)
    },
  )
})

describe('a configuration', () => {
  const one = '[supervisord]\n[program:a]\ncommand=/bin/x\n'

  test('does not expand what a variable of the environment has in it', () => {
    expect(read('[supervisord]\n[program:a]\ncommand=/bin/x %(ENV_PCT)s').groups[0]?.processes[0]?.command).toBe(
      '/bin/x 100%',
    )
  })

  test('tells what has no effect, with its place', () => {
    expect(read(`${one}comand=/bin/y\n[other]\na=1\n`).ignored).toEqual([
      expect.stringMatching(/s\.conf:5: \[other\] has no effect$/),
      expect.stringMatching(/s\.conf:4: \[program:a\] comand has no effect$/),
    ])
  })

  test('names the file that was included when something in it is wrong', () => {
    const folder = caseFolder()
    writeFileSync(join(folder, 'inc', 'two.ini'), '\n[program:two]\ncommand=/bin/x\nstartsecs=soon\n')
    expect(() => read(`${one}[include]\nfiles=inc/*.ini`, folder)).toThrow(
      /inc\/two\.ini:4: \[program:two\] startsecs is no whole number: 'soon'/,
    )
  })

  test('takes no Python code as an interface', () => {
    expect(() => read(`${one}[rpcinterface:x]\nsupervisor.rpcinterface_factory=my.module:make\n`)).toThrow(
      /Python code/,
    )
    const standard = 'supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface'
    expect(read(`${one}[rpcinterface:supervisor]\n${standard}\n`).ignored).toEqual([])
  })

  test('that cannot be read is named', () => {
    expect(() => readConfiguration('/no/such.conf', { env: {}, host: 'vm', temporary: '/tmp' })).toThrow(
      /\/no\/such\.conf/,
    )
  })

  test('is taken as people write it in the field', () => {
    const { groups, servers, loglevel, logfileMaxbytes, ignored } = read(`
[unix_http_server]
file=/tmp/supervisor.sock   ; (the path to the socket file)
chmod=0777                 ; socket file mode (default 0700)
username=admin
password=admin
[inet_http_server]         ; inet (TCP) server disabled by default
port=0.0.0.0:2345
username=admin
password=admin
[supervisord]
logfile=/tmp/supervisord.log
logfile_maxbytes=50MB        ; (max main logfile bytes b4 rotation;default 50MB)
loglevel=info
pidfile=/tmp/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///tmp/supervisor.sock
[program:celery]
command=celery worker -A proj --loglevel=INFO
directory=/tmp
numprocs=1
stdout_logfile=/tmp/celery.log
stderr_logfile=/tmp/celery.log
autostart=true
autorestart=true
startsecs=10
stopwaitsecs = 10
killasgroup=true
priority=1000
`)
    expect(groups[0]).toMatchObject({ name: 'celery', priority: 1000 })
    expect(groups[0]?.processes[0]).toMatchObject({
      startsecs: 10,
      stopwaitsecs: 10,
      killasgroup: true,
      stopasgroup: false,
    })
    expect(servers).toMatchObject([
      { kind: 'inet', host: '0.0.0.0', port: 2345, username: 'admin' },
      { kind: 'unix', chmod: 0o777 },
    ])
    expect({ loglevel, logfileMaxbytes, ignored }).toEqual({ loglevel: 'info', logfileMaxbytes: 52428800, ignored: [] })
  })
})
