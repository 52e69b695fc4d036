import { describe, expect, test } from 'vitest'
import { type AnySignature } from '../../src/app/canvas.ts'
import { plan } from '../../src/canvas/plan.ts'
import { chain, chord, group, lovage } from '../../src/index.ts'
import { Signature } from '../../src/app/signature.ts'
import { isRecord, signature } from '../../src/protocol/signature.ts'
import { type Captured, capturedTasks } from '../protocol/captured.ts'

const app = lovage('captured', { broker: 'memory://captured' }, { env: {} })
const add = app.remote<(x: number, y: number) => number>('captasks.add')
const sum = app.remote<(xs: readonly number[]) => number>('captasks.xsum')
const fail = app.remote<() => number>('captasks.fail')
const callback = app.remote<(value: unknown) => unknown>('captasks.callback')
const errbackNew = app.remote('captasks.errback_new')
const errbackOld = app.remote('captasks.errback_old')
const pairs = (count: number): [number, number][] => [...Array(count).keys()].map((x) => [x, x])

/** By name alone: `y` is given by name. */
const named = new Signature(signature('captasks.add', [], { y: 1 }), add.s(1, 1).composes) as never

/** The canvases of the captures, as we write them. */
const CASES: Readonly<Record<string, AnySignature>> = {
  chain3: chain(add.s(1, 1), add.s(2), add.s(3)),
  chain_links: chain(add.s(1, 1), add.s(2)).link(callback.s()).linkError(errbackOld.s()),
  chain_opts: chain(add.s(1, 1), add.si(5, 5).set({ countdown: '3s' }), named),
  chain_group_chord: chain(add.s(1, 1), group([add.s(1), add.s(2)]), sum.s()),
  group1: group([add.s(1, 1)]),
  group3: group([add.s(0, 0), add.s(1, 1), add.s(2, 2)]),
  chord2: chord([add.s(1, 1), add.s(2, 2)], sum.s()),
  chord_linkerr: chord([add.s(1, 1), fail.s()], sum.s().linkError(errbackOld.s())),
  chord_group_body: chord([add.s(1, 1), add.s(2, 2)], group([callback.s(), sum.s()])),
  chord_in_chord: chord([chord([add.s(1, 1), add.s(2, 2)], sum.s()), add.s(3, 3)], sum.s()),
  link_two: add.s(1, 2).link(callback.s(), add.si(1, 1)),
  link_error: fail.s().linkError(errbackNew.s(), errbackOld.s()),
  map_: sum.map([
    [1, 2],
    [3, 4],
  ]),
  starmap: add.starmap([
    [1, 1],
    [2, 2],
  ]),
  chunks: add.chunks(pairs(5), 2),
  chunks_group: add.chunks(pairs(4), 2),
}

/** What a case may have that says nothing: Celery writes it in one version, or again where it is sent. */
function bare(value: unknown, isHeader = false): unknown {
  if (Array.isArray(value)) return value.map((item) => bare(item, isHeader))
  if (!isRecord(value)) return value
  const kept = Object.entries(value).filter(([name, member]) => {
    if (name === 'add_to_parent' || name === 'stamped_headers' || name === 'stamps') return false
    if ((name === 'root_id' || name === 'parent_id') && member === null) return false
    // Who sends the header of a chord puts the chord on its members; 5.6 gives a body the group of its header.
    return !(isHeader && name === 'chord')
  })
  return Object.fromEntries(kept.map(([name, member]) => [name, bare(member, isHeader || name === 'header')]))
}

/** The same with numbers for ids, in the order in which they appear. */
function numbered(value: unknown): unknown {
  const ids = new Map<string, string>()
  const id = (text: string): string => {
    if (!/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text)) return text
    if (!ids.has(text)) ids.set(text, `id ${ids.size}`)
    return ids.get(text) as string
  }
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return id(part)
    if (Array.isArray(part)) return part.map(walk)
    if (!isRecord(part)) return part
    const names = Object.keys(part).sort()
    return Object.fromEntries(names.map((name) => [name, walk(part[name])]))
  }
  return walk(value)
}

function theirs({ properties, body_text: text }: Captured): unknown {
  const { task, group: groupId, group_index: groupIndex, id, root_id: root } = properties.headers
  const [args, kwargs, embed] = JSON.parse(text as string) as unknown[]
  return { task, id, isRoot: root === id, group: groupId, groupIndex, body: [args, kwargs, bare(embed)] }
}

function ours(sig: AnySignature): unknown[] {
  let count = 0
  const id = (): string => `00000000-0000-4000-8000-${String(count++).padStart(12, '0')}`
  return plan(sig.data, {}, { id, replyTo: 'f309110f-c52d-385f-85f5-537412f941d8' }).calls.map((call) => ({
    task: call.task,
    id: call.id,
    isRoot: call.rootId === undefined || call.rootId === call.id,
    group: call.group ?? null,
    groupIndex: call.groupIndex ?? null,
    body: [call.args, call.kwargs, bare(call.embed)],
  }))
}

describe('a canvas is written as Celery 5.2.6 writes it', () => {
  const captured = capturedTasks('5.2.6')
  test.each(Object.keys(CASES))('%s', (name) => {
    // The members of a plain group have their place since 5.6, as ours have.
    const isGroup = /^(?:group|chunks)/.test(name)
    const expected = captured
      .filter((one) => one.case === name)
      .map((one, at) => {
        const message = theirs(one) as Record<string, unknown>
        return isGroup ? { ...message, groupIndex: at } : message
      })
    const cut = (messages: unknown[]): unknown => JSON.parse(JSON.stringify(numbered(messages)))
    const written = cut(ours(CASES[name] as AnySignature))
    expect(written).toEqual(cut(expected))
  })
})
