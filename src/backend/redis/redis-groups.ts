import { LovageError } from '../../base/errors.ts'
import { RedisScript } from '../../base/redis/redis-connection.ts'
import { JSON_TYPE } from '../../protocol/content.ts'
import { decodeJson, encodeJson, type JsonTypes } from '../../protocol/json.ts'
import { payloadText } from '../../protocol/outcome.ts'
import { readResultTuple, resultTuple, type ResultTree } from '../../protocol/result-tree.ts'
import { isRecord } from '../../protocol/signature.ts'
import type { ChordCount, ChordPart, Marks, ResultGroups } from '../groups.ts'
import type { BackendLink } from './backend-link.ts'

/**
 * What the scripts have in common. The first argument is Celery's key of the group: `.j` are the parts, `.s` is how many
 * there are to be, `.t` how many more. The second is how long they are kept, in ms; 0 is for ever.
 */
const WORDS = String.raw`
local j, s, more, added = ARGV[1] .. '.j', ARGV[1] .. '.s', ARGV[1] .. '.t', ARGV[3]
local isList = redis.call('TYPE', j).ok == 'list'
local function live(key)
  if ARGV[2] ~= '0' then redis.call('PEXPIRE', key, ARGV[2]) end
end
local function count()
  local parts = redis.call(isList and 'LLEN' or 'ZCARD', j)
  return {parts, tonumber(redis.call('GET', s) or '-1'), tonumber(redis.call('GET', more) or '0')}
end
`

/** size. Told of as every value is that Celery sets. */
const SIZE = new RedisScript(
  WORDS +
    String.raw`
redis.call('SET', s, ARGV[4])
live(s)
redis.call('PUBLISH', s, ARGV[4])
return count()
`,
)

/** id. Which were added stands under a key of ours, so that none is added twice. */
const ADD = new RedisScript(
  WORDS +
    String.raw`
if redis.call('SADD', added, ARGV[4]) == 1 then redis.call('INCR', more) end
live(added)
live(more)
return count()
`,
)

/**
 * index, text, how the text of every part of this task begins, whether parts have an order, and a key of ours for who has
 * come without a place. Celery counts another text as another part; we count tasks. Those without a place are many under
 * one score, or in one list: they are looked through only where Python has put some of them there.
 */
const PART = new RedisScript(
  WORDS +
    String.raw`
local index, text, head, unplaced = ARGV[4], ARGV[5], ARGV[6], ARGV[8]
isList = isList or (ARGV[7] == '0' and redis.call('EXISTS', j) == 0)
local isThere, others = false, {}
if isList or index == '+inf' then
  local many = isList and redis.call('LLEN', j) or redis.call('ZCOUNT', j, index, index)
  local ours = redis.call('SCARD', unplaced)
  isThere = redis.call('SADD', unplaced, head) == 0
  live(unplaced)
  if not isThere and many > ours then
    others = isList and redis.call('LRANGE', j, 0, -1) or redis.call('ZRANGEBYSCORE', j, index, index)
  end
else
  others = redis.call('ZRANGEBYSCORE', j, index, index)
end
for _, other in ipairs(others) do
  if string.sub(other, 1, #head) == head then isThere = true end
end
if not isThere and isList then redis.call('RPUSH', j, text) end
if not isThere and not isList then redis.call('ZADD', j, index, text) end
live(j)
live(s)
live(more)
return count()
`,
)

const PARTS = new RedisScript(`${WORDS}return redis.call(isList and 'LRANGE' or 'ZRANGE', j, 0, -1)`)

/** key, time to live, mark, token of who asks. Kept is the mark, and the token as long as nobody else has asked. */
const CLAIM = new RedisScript(String.raw`
local key, ttl, mark, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local had = redis.call('GET', key)
local first = mark .. ' ' .. token
if had == first or had == mark then return 1 end
if had and string.sub(had, 1, #mark + 1) ~= mark .. ' ' then return 0 end
redis.call('SET', key, had and mark or first)
if ttl ~= '0' then redis.call('PEXPIRE', key, ttl) end
return 1
`)

/** key, mark, token. */
const RELEASE = new RedisScript(String.raw`
if redis.call('GET', ARGV[1]) ~= ARGV[2] .. ' ' .. ARGV[3] then return 0 end
return redis.call('DEL', ARGV[1])
`)

/** What {@link RedisGroups} are made with. */
export interface RedisGroupsOptions {
  /** Before every key. */
  readonly prefix: string
  readonly expiresMs: number
  readonly types: JsonTypes
  /** As Celery's `result_chord_ordered`; all workers of a chord must have the same. */
  readonly isOrdered: boolean
  /** Runs work on the connection there is or will be. */
  readonly ask: <T>(work: (link: BackendLink) => Promise<T>) => Promise<T>
}

/** Groups and chords under Celery's keys: `celery-taskset-meta-<id>`. */
export class RedisGroups implements ResultGroups {
  readonly #options: RedisGroupsOptions
  readonly marks: Marks

  constructor(options: RedisGroupsOptions) {
    this.#options = options
    const { prefix, expiresMs, ask } = options
    const keyOf = (taskId: string): string => `${prefix}_lovage.v1.once.${taskId}`
    this.marks = {
      claim: async (taskId, mark, token) => {
        const args = [keyOf(taskId), Math.ceil(expiresMs), mark, token]
        return (await ask((link) => link.run(CLAIM, args))) === 1
      },
      release: (taskId, mark, token) => ask((link) => link.run(RELEASE, [keyOf(taskId), mark, token])),
    }
  }

  async saveGroup(group: ResultTree): Promise<void> {
    const { ask, expiresMs } = this.#options
    const args = [this.#key(group.id), encodeJson({ result: resultTuple(group) })]
    await ask((link) => link.call('SET', expiresMs === 0 ? args : [...args, 'PX', Math.ceil(expiresMs)]))
  }

  async restoreGroup(id: string): Promise<ResultTree | undefined> {
    const text = await this.#options.ask((link) => link.call('GET', [this.#key(id)]))
    if (typeof text !== 'string') return undefined
    const meta = decodeJson(text)
    if (!isRecord(meta)) throw undecodable('it is not an object, so it is no group')
    return readResultTuple(meta['result'])
  }

  async deleteGroup(id: string): Promise<void> {
    await this.#options.ask((link) => link.call('DEL', [this.#key(id)]))
  }

  setChordSize(groupId: string, size: number): Promise<ChordCount> {
    return this.#count(SIZE, groupId, [size])
  }

  addToChord(groupId: string, taskId: string): Promise<ChordCount> {
    return this.#count(ADD, groupId, [taskId])
  }

  addPart(groupId: string, { id, state, result }: ChordPart, index: number | undefined): Promise<ChordCount> {
    const { types, isOrdered } = this.#options
    const head = `[1, ${encodeJson(id)}, `
    const text = `${head}${encodeJson(state)}, ${payloadText(result, { types })}]`
    return this.#count(PART, groupId, [index ?? '+inf', text, head, isOrdered ? 1 : 0, this.#unplaced(groupId)])
  }

  async chordParts(groupId: string): Promise<ChordPart[]> {
    const args = this.#args(groupId)
    const texts = (await this.#options.ask((link) => link.run(PARTS, args))) as string[]
    return texts.map(readPart)
  }

  async endChord(groupId: string): Promise<void> {
    const [key, , added] = this.#args(groupId)
    await this.#options.ask((link) =>
      link.call('DEL', [`${key}.j`, `${key}.t`, `${key}.s`, added as string, this.#unplaced(groupId)]),
    )
  }

  async #count(script: RedisScript, groupId: string, args: readonly (string | number)[]): Promise<ChordCount> {
    const all = [...this.#args(groupId), ...args]
    const [parts, size, more] = (await this.#options.ask((link) => link.run(script, all))) as [number, number, number]
    if (size < 0) return { parts, size: undefined, isComplete: false }
    // More than all: Celery has counted a task twice, and waits for ever.
    return { parts, size: size + more, isComplete: parts >= size + more }
  }

  #key(groupId: string): string {
    return `${this.#options.prefix}celery-taskset-meta-${groupId}`
  }

  #unplaced(groupId: string): string {
    return `${this.#options.prefix}_lovage.v1.unplaced.${groupId}`
  }

  #args(groupId: string): (string | number)[] {
    const { prefix, expiresMs } = this.#options
    return [this.#key(groupId), Math.ceil(expiresMs), `${prefix}_lovage.v1.added.${groupId}`]
  }
}

function readPart(text: string): ChordPart {
  const part = decodeJson(text)
  const [, id, state, value] = Array.isArray(part) ? (part as unknown[]) : []
  if (typeof id !== 'string' || typeof state !== 'string') throw undecodable('it is no part of a chord')
  return { id, state, result: { value: value ?? null } }
}

function undecodable(problem: string): LovageError {
  return new LovageError('BODY_UNDECODABLE', { contentType: JSON_TYPE, problem })
}
