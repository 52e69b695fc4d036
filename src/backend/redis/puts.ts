import { afterPromises } from '../../base/after-promises.ts'
import { isLovageError } from '../../base/errors.ts'
import { RedisScript } from '../../base/redis/redis-connection.ts'
import { Ring } from '../../base/ring.ts'
import type { BackendLink } from './backend-link.ts'

/** Records that are stored by one script, and bytes of them, so that it does not hold the server up for long. */
const BATCH = 100
const BATCH_BYTES = 256 * 1024

/**
 * Scripts on their way at a time; the others wait, and go together. The time limit begins when something is on its way, so
 * that it measures the server, and not how many ask: 50,000 that begin in one turn would all be late, and be tried again.
 */
const AT_ONCE = 20

/**
 * Stores records and tells of each in one step, as Celery does in a transaction; a SUCCESS that is there stays. The status
 * is the first member of a record in JSON that Celery wrote, or we; in YAML it stands at the beginning of a line.
 */
const STORE = new RedisScript(String.raw`
local function isOver(there)
  local status = string.match(there, '^%s*{%s*"status"%s*:%s*"([^"]*)"')
  if not status then
    status = string.match('\n' .. there, '\nstatus: (%u+)\n')
  end
  if not status then
    local ok, record = pcall(string.byte(there) == 123 and cjson.decode or cmsgpack.unpack, there)
    status = ok and type(record) == 'table' and record.status
  end
  return status == 'SUCCESS'
end
for at = 2, #ARGV, 2 do
  local key, record = ARGV[at], ARGV[at + 1]
  local there = redis.call('GET', key)
  if not there or not isOver(there) then
    if ARGV[1] == '0' then redis.call('SET', key, record) else redis.call('SET', key, record, 'PX', ARGV[1]) end
    redis.call('PUBLISH', key, record)
  end
end
return 1
`)

/** Runs work on the connection there is, within the time limit. */
type Ask = (work: (link: BackendLink) => Promise<unknown>) => Promise<unknown>

interface Put {
  readonly key: string
  readonly record: string | Buffer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Records on their way into the server: those of one turn go together. */
export class Puts {
  readonly #expiresMs: number
  readonly #ask: Ask
  #waiting = new Ring<Put>()
  #running = 0
  /** Other tasks may end in this turn as well. */
  readonly #schedule = afterPromises(() => this.#flush())

  /** `expiresMs`: 0 is for ever. */
  constructor(expiresMs: number, ask: Ask) {
    this.#expiresMs = Math.ceil(expiresMs)
    this.#ask = ask
  }

  /** Resolves when the server has it. */
  add(key: string, record: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, record, resolve, reject })
      this.#schedule()
    })
  }

  #flush(): void {
    while (this.#running < AT_ONCE && this.#waiting.size > 0) {
      const batch: Put[] = []
      let bytes = 0
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        batch.push(next)
        bytes += next.record.length
        if (batch.length === BATCH || bytes >= BATCH_BYTES) break
      }
      this.#running++
      void this.#send(batch)
    }
  }

  async #send(batch: readonly Put[]): Promise<void> {
    try {
      await this.#store(batch)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      // Nobody is there to answer those that wait either.
      if (isLovageError(error, 'BACKEND_UNREACHABLE')) this.#failAll(batch, error)
      else if (batch.length === 1) batch[0]?.reject(error)
      // What is wrong with one is no matter of the others. One that was stored already is stored again.
      else await Promise.all(batch.map((one) => this.#store([one]).then(one.resolve, one.reject)))
    }
    this.#running--
    this.#flush()
  }

  #store(batch: readonly Put[]): Promise<unknown> {
    const args: (string | number | Buffer)[] = [this.#expiresMs]
    for (const { key, record } of batch) args.push(key, record)
    return this.#ask((link) => link.run(STORE, args))
  }

  #failAll(batch: readonly Put[], error: unknown): void {
    const waiting = [...this.#waiting]
    this.#waiting = new Ring()
    for (const { reject } of [...batch, ...waiting]) reject(error)
  }
}
