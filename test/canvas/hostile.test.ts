import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { advance, type Consequences } from '../../src/canvas/advance.ts'
import { chainOf, chordOf, groupOf, linkedTo } from '../../src/canvas/forms.ts'
import { plan, type Plan } from '../../src/canvas/plan.ts'
import { storeGroups } from '../../src/canvas/store-groups.ts'
import { failureOf } from '../../src/protocol/failure.ts'
import { failed } from '../../src/protocol/outcome.ts'
import { NO_EMBED, signature, type Signature } from '../../src/protocol/signature.ts'
import type { Store } from '../../src/store/store.ts'

const planned = (sig: Signature): Plan => {
  let count = 0
  return plan(sig, {}, { id: () => `id${count++}`, replyTo: undefined })
}

describe('a canvas from the wire', () => {
  test(
    'that nests groups in chains a hundred deep is planned at once, not after 2^100 steps',
    { timeout: 240_000 },
    () => {
      let nested = signature('deepest')
      for (let depth = 0; depth < 100; depth++) nested = chainOf([signature('step'), groupOf([nested])])
      expect(planned(chordOf(groupOf([nested]), signature('body'))).calls).toHaveLength(1)
    },
  )

  test('may have tasks with the names of what all objects have', () => {
    const { calls } = planned(groupOf([signature('constructor'), signature('__proto__'), signature('toString')]))
    expect(calls.map(({ task }) => task)).toEqual(['constructor', '__proto__', 'toString'])
    const request = { id: 'a', task: 'a', rootId: 'a', group: null, groupIndex: null }
    const embed = { ...NO_EMBED, errbacks: [signature('constructor')] }
    const around = { isNewStyle: () => true, about: {}, saysSizes: false, onUnreadable: () => {} }
    const follows = advance(failed('a', failureOf(new Error('no'))), request, embed, around)
    expect(follows.calls).toMatchObject([{ task: 'constructor', args: [{ id: 'a' }, {}, null] }])
  })

  test('may have an option with the name of the prototype', () => {
    const options = JSON.parse('{"__proto__": {"task_id": "stolen", "reply_to": "elsewhere"}}') as object
    const [call] = planned(groupOf([signature('a')], { ...options, task_id: 'group' })).calls
    expect(call).toMatchObject({ id: 'id0', replyTo: undefined })
  })

  test('may have integers beyond 2^53 in callbacks, none of which is taken for another', () => {
    const large = 2n ** 60n
    const linked = linkedTo(signature('a', [], {}, { link: [signature('b', [large])] }), 'link', [
      signature('b', [large]),
      signature('b', [large + 1n]),
    ])
    expect(linked.options['link']).toMatchObject([{ args: [large] }, { args: [large + 1n] }])
  })

  test.each([NaN, Infinity, -1, 1.5, '0'])('has no place in its group where that is %s', (index) => {
    const options = { task_id: 'b', group_id: 'g', group_index: index, chord: signature('body') }
    expect(broken([signature('b', [], {}, options)]).parts).toMatchObject([{ groupId: 'g', index: undefined }])
    expect(planned(signature('b', [], {}, options)).calls).toMatchObject([{ groupIndex: undefined }])
  })

  test('that breaks tells all who can be told, whatever else is in it', () => {
    const bad = { ...signature('celery.chain', [], { tasks: [5] }), subtask_type: 'chain' }
    const odd = { task_id: 'c', chord: 1, link_error: 7, chain: [3] }
    const { endings } = broken([signature('d', [], {}, { task_id: 'd' }), signature('c', [], {}, odd), bad])
    expect(endings.map(({ outcome }) => outcome.id)).toEqual(['c', 'd'])
  })
})

test('A chord of more members than the store counts is refused before any is sent', async () => {
  const groups = storeGroups({} as Store, { expiresMs: 0, types: 'typed', clock: systemClock })
  await expect(groups.setChordSize('g', 100_001)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
})

/** What follows when the task in front of a chain fails. `chain` is in reverse, as on the wire. */
function broken(chain: readonly Signature[]): Consequences {
  const request = { id: 'a', task: 'a', rootId: 'a', group: null, groupIndex: null }
  const around = { isNewStyle: () => false, about: {}, saysSizes: false, onUnreadable: () => {} }
  return advance(failed('a', failureOf(new Error('no'))), request, { ...NO_EMBED, chain }, around)
}
