import { isLovageError } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { STOP_STEPS } from '../ending.ts'
import { hello } from '../mingle.ts'
import { type Command, type Commands, count, nok, ok, type Panel, raised, unfit } from './panel.ts'

/** How pools are refused to be resized by hand. */
function resized(name: 'pool_grow' | 'pool_shrink', by: 1 | -1): Command {
  return {
    run: ({ steering }: Panel, { n = 1 }) => {
      const slots = count(n)
      if (slots === undefined) return raised('ValueError', 'n must be a whole number')
      if (steering.range) return nok(`${name} is not supported with autoscale. Adjust autoscale range instead.`)
      try {
        steering.resize(slots * by)
      } catch (error) {
        if (isLovageError(error)) return unfit(error)
        throw error
      }
      return ok(`pool will ${by > 0 ? 'grow' : 'shrink'}`)
    },
  }
}

const autoscale: Command = {
  takes: ['max', 'min'],
  run: ({ steering }, given) => {
    const { range } = steering
    if (!range) return raised('ValueError', 'Autoscale not enabled')
    const [max, min] = [count(given['max'] ?? range.max), count(given['min'] ?? range.min)]
    if (max === undefined || min === undefined) return raised('ValueError', 'max and min must be whole numbers')
    try {
      steering.autoscale(max, min)
    } catch (error) {
      if (isLovageError(error)) return unfit(error)
      throw error
    }
    return ok(`autoscale now max=${max} min=${min}`)
  },
}

const poolRestart: Command = {
  run: ({ options, reload }) => {
    if (!options.poolRestarts) return raised('ValueError', 'Pool restarts not enabled')
    void reload()
    return ok('reload started')
  },
}

/** Whether tasks are told of by events. */
function told(on: boolean): Command {
  const word = on ? 'enabled' : 'disabled'
  return {
    takes: [],
    run: ({ events }) => {
      if (!events.tellTasks(on)) return ok(`task events already ${word}`)
      log('info', 'worker', `task events are ${word} from afar`)
      return ok(`task events ${word}`)
    },
  }
}

/** Refused by name: what it shows is Python's memory. */
function refused(what: string): Command {
  return { run: () => raised('ImportError', `${what} is of Python only; use node --heapsnapshot-signal=SIGUSR2`) }
}

/** What is to become of the worker and its pools. */
export const LIFE: Commands = {
  pool_grow: resized('pool_grow', 1),
  pool_shrink: resized('pool_shrink', -1),
  pool_restart: poolRestart,
  autoscale,
  shutdown: {
    // Celery knows the warm way alone; its workers leave `how` unread.
    run: ({ shutdown, options }, { how = 'warm' }) => {
      const step = STOP_STEPS.find((one) => one === how)
      if (!step) return raised('ValueError', `how must be ${STOP_STEPS.join(', ')}`)
      log('warn', 'worker', 'shutdown was asked for from afar', { hostname: options.hostname, how: step })
      shutdown(step)
      return null
    },
  },
  enable_events: told(true),
  disable_events: told(false),
  heartbeat: {
    takes: [],
    run: ({ events }) => {
      events.beat()
      return null
    },
  },
  hello: { needs: ['from_node'], run: hello },
  // There is no gossip here, and who elects needs two who take part in it.
  election: { needs: ['id', 'topic'], run: () => null },
  memsample: { run: () => `${(process.memoryUsage.rss() / 2 ** 20).toFixed(2)}MB` },
  memdump: refused('memdump'),
  objgraph: refused('objgraph'),
}
