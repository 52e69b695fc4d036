import type { ChordCount, ChordPart, ResultGroups } from '../backend/groups.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { decodeJson, encodeJson, type JsonTypes } from '../protocol/json.ts'
import { payloadText } from '../protocol/outcome.ts'
import { readResultTuple, resultTuple, type ResultTree } from '../protocol/result-tree.ts'
import type { Log, SetAnswer, Store } from '../store/store.ts'

/** Longest time for which a store keeps anything. */
const LONGEST_MS = 400 * 86_400_000

/** Most parts of one chord: the members of a counter. */
const MOST_PARTS = 100_000

/** Chords whose size is remembered here. */
const MOST_SIZES = 10_000

/** A part as it is kept. */
interface KeptPart {
  readonly id: string
  readonly state: string
  readonly index: number | null
}

/** What {@link storeGroups} goes by. */
export interface StoreGroupsOptions {
  /** How long a group is kept, and a chord after its last part. */
  readonly expiresMs: number
  readonly types: JsonTypes
  readonly clock: Clock
}

/** A size that was read. */
interface KnownSize {
  readonly size: number
  version: number
  /** When its time to live is to begin anew, with the next part. */
  renewAtMs: number
}

/**
 * Groups and chords in the store, where the result backend keeps none. What came of a part is there before it is counted,
 * so that who sees all parts counted finds all of them.
 */
export function storeGroups(store: Store, { expiresMs, types, clock }: StoreGroupsOptions): ResultGroups {
  const ttlMs = expiresMs > 0 ? Math.min(expiresMs, LONGEST_MS) : LONGEST_MS
  /** Sizes that were read: a size does not change, and what is added only makes it larger. */
  const sizes = new Map<string, KnownSize>()
  const sizeOf = async (groupId: string): Promise<number | undefined> => {
    const known = sizes.get(groupId)
    if (known !== undefined) return known.size
    const kept = await store.get(sizeKey(groupId))
    if (!kept) return undefined
    const size = Number(kept.value)
    sizes.set(groupId, { size, version: kept.version, renewAtMs: -Infinity })
    for (const oldest of sizes.keys()) if (sizes.size > MOST_SIZES) sizes.delete(oldest)
    return size
  }
  /** A chord whose members take their time has its size for as long as parts come. */
  const renew = async (groupId: string): Promise<void> => {
    const known = sizes.get(groupId)
    if (!known || clock.monotonic() < known.renewAtMs) return
    known.renewAtMs = clock.monotonic() + ttlMs / 4
    const renewed = (ifVersion: number): Promise<SetAnswer> =>
      store.set(sizeKey(groupId), String(known.size), { ttlMs, ifVersion })
    const first = await renewed(known.version)
    // Others renew it too, or it has ended.
    const { kept } = first.isSet || !first.kept ? first : await renewed(first.kept.version)
    known.version = kept?.version ?? known.version
  }
  const count = async (groupId: string, parts: number): Promise<ChordCount> => {
    const least = await sizeOf(groupId)
    if (least === undefined) return { parts, size: undefined, isComplete: false }
    if (parts < least) return { parts, size: least, isComplete: false }
    // It may have been ended meanwhile, or gone: then nobody is to take it for complete.
    const kept = await store.get(sizeKey(groupId))
    if (!kept) return { parts, size: undefined, isComplete: false }
    const { value: more } = await store.count(moreKey(groupId), { ttlMs, by: 0 })
    const size = Number(kept.value) + more
    return { parts, size, isComplete: parts >= size }
  }
  const counted = async (groupId: string): Promise<ChordCount> =>
    count(groupId, (await store.count(partsKey(groupId), { ttlMs, by: 0 })).value)
  return {
    async saveGroup(group) {
      await store.set(`group:${group.id}`, encodeJson(resultTuple(group)), { ttlMs })
    },
    async restoreGroup(id): Promise<ResultTree | undefined> {
      const kept = await store.get(`group:${id}`)
      return kept && readResultTuple(decodeJson(textOf(kept.value)))
    },
    async deleteGroup(id) {
      await store.forget(`group:${id}`)
    },
    async setChordSize(groupId, size) {
      if (size > MOST_PARTS) throw tooMany(size)
      await store.set(sizeKey(groupId), String(size), { ttlMs })
      return counted(groupId)
    },
    async addToChord(groupId, taskId) {
      // Forgotten too soon, the chord would not wait for it; so it is kept for longer than the size, as a rule.
      const longMs = Math.min(10 * ttlMs, LONGEST_MS)
      await store.count(moreKey(groupId), { ttlMs: longMs, member: taskId, renew: true })
      return counted(groupId)
    },
    async addPart(groupId, { id, state, result }, index) {
      const head = encodeJson({ id, state, index: index ?? null } satisfies KeptPart)
      const text = `[${head}, ${payloadText(result, { types })}]`
      // One behind the other on one connection, and waited for as one. Where the first is lost and the second is not, this
      // part is asked for again: until then who gathers finds too few, and leaves the chord alone.
      const [, { value }] = await Promise.all([
        partsOf(store, groupId).append(text, { ttlMs, maxEntries: MOST_PARTS }),
        store.count(partsKey(groupId), { ttlMs, member: id, renew: true }),
      ])
      const counted = await count(groupId, value)
      if (!counted.isComplete) await renew(groupId)
      return counted
    },
    async chordParts(groupId) {
      // Of one task the first end counts; the same may be there twice.
      const parts = new Map<string, ChordPart & { readonly index: number }>()
      for (let after = 0, isMore = true; isMore;) {
        const { entries, last } = await partsOf(store, groupId).read({ after, limit: 1000 })
        for (const { value, position } of entries) {
          after = position
          const [{ id, state, index }, result] = decodeJson(textOf(value)) as [KeptPart, unknown]
          if (!parts.has(id)) parts.set(id, { id, state, result: { value: result }, index: index ?? Infinity })
        }
        isMore = entries.length > 0 && after < last
      }
      const inOrder = [...parts.values()].sort((a, b) => (a.index === b.index ? 0 : a.index - b.index))
      return inOrder.map(({ id, state, result }) => ({ id, state, result }))
    },
    async endChord(groupId) {
      sizes.delete(groupId)
      // The size first: without it nobody takes the chord for complete.
      for (const key of [sizeKey(groupId), partsKey(groupId), moreKey(groupId)]) await store.forget(key)
    },
  }
}

/** Counted past its limit, the chord would never be complete. */
function tooMany(size: number): LovageError {
  const problem = `has ${size} members, and the store counts ${MOST_PARTS} at most`
  const fix = 'Make several chords of it, or keep results in redis://'
  return new LovageError('OPTION_INVALID', { option: 'header', where: 'chord()', problem, fix })
}

function sizeKey(groupId: string): string {
  return `chord:size/${groupId}`
}

/** The counter, and the log. */
function partsKey(groupId: string): string {
  return `chord:parts/${groupId}`
}

function moreKey(groupId: string): string {
  return `chord:more/${groupId}`
}

function partsOf(store: Store, groupId: string): Log {
  return store.log(partsKey(groupId))
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString()
}
