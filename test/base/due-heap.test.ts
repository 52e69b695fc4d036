import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DueHeap, type Due } from '../../src/base/due-heap.ts'
import { systemClock } from '../../src/base/clock.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

describe('a due-heap', () => {
  it('calls each once, in the order in which they are due', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    const ran: string[] = []
    heap.add(30, () => ran.push('c'))
    heap.add(10, () => ran.push('a'))
    heap.add(20, () => ran.push('b'))
    clock.advance(19)
    expect(ran).toEqual(['a'])
    clock.advance(100)
    expect(ran).toEqual(['a', 'b', 'c'])
    expect(heap.size).toBe(0)
  })

  it('holds one timer, however many wait, and none when nobody does', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    const dues = Array.from({ length: 1_000 }, (_, i) => heap.add(10_000 - i, () => {}))
    expect(clock.waiting).toBe(1)
    for (const due of dues) due.cancel()
    expect(heap.size).toBe(0)
    expect(clock.waiting).toBe(0)
  })

  it('forgets all at once, and cancelling afterwards does nothing', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    const due = heap.add(10, () => expect.unreachable())
    heap.add(20, () => expect.unreachable())
    heap.clear()
    due.cancel()
    const later: string[] = []
    heap.add(5, () => later.push('still works'))
    due.cancel()
    clock.advance(100)
    expect(later).toEqual(['still works'])
  })

  it('lets what it calls add, cancel and clear', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    const ran: string[] = []
    const victim = heap.add(10, () => ran.push('victim'))
    heap.add(5, () => {
      victim.cancel()
      heap.add(20, () => ran.push(`added at 5, ran at ${clock.monotonic()}`))
    })
    heap.add(30, () => {
      ran.push('clears')
      heap.clear()
    })
    heap.add(31, () => ran.push('cleared'))
    clock.advance(100)
    expect(ran).toEqual(['added at 5, ran at 25', 'clears'])
  })

  it('runs the others when one throws', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    const ran: string[] = []
    heap.add(10, () => {
      throw new Error('broken')
    })
    heap.add(10, () => ran.push('the other'))
    expect(() => clock.advance(10)).toThrow('broken')
    clock.advance(1)
    expect(ran).toEqual(['the other'])
  })

  it('waits for ever for what is due never', () => {
    const clock = new VirtualClock()
    const heap = new DueHeap(clock)
    heap.add(Infinity, () => expect.unreachable())
    expect(clock.waiting).toBe(0)
    clock.advance(1e12)
    expect(heap.size).toBe(1)
  })

  it('works on the clock of the machine', async () => {
    const heap = new DueHeap(systemClock)
    const ran: string[] = []
    await new Promise<void>((resolve) => {
      heap.add(10, () => ran.push('second'))
      heap.add(5, () => ran.push('first')).cancel()
      heap.add(15, resolve)
    })
    expect(ran).toEqual(['second'])
  })

  type Step = { add: number } | { cancel: number } | { pass: number }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 2, arbitrary: fc.record({ cancel: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 25 }) }) },
  )

  it('does what a sorted list would do, whatever is added, cancelled and waited for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = new VirtualClock()
        const heap = new DueHeap(clock)
        const ran: string[] = []
        const expected: string[] = []
        const handles: Due[] = []
        let model: { id: number; atMs: number }[] = []
        for (const next of steps) {
          if ('add' in next) {
            const id = handles.length
            handles.push(heap.add(next.add, () => ran.push(`${id} at ${clock.monotonic()}`)))
            model.push({ id, atMs: clock.monotonic() + next.add })
          } else if ('cancel' in next && handles.length > 0) {
            const id = next.cancel % handles.length
            handles[id]?.cancel()
            model = model.filter((entry) => entry.id !== id)
          } else if ('pass' in next) {
            clock.advance(next.pass)
            const now = clock.monotonic()
            const due = model.filter((entry) => entry.atMs <= now).sort((a, b) => a.atMs - b.atMs || a.id - b.id)
            expected.push(...due.map(({ id, atMs }) => `${id} at ${atMs}`))
            model = model.filter((entry) => entry.atMs > now)
          }
          expect(heap.size).toBe(model.length)
          expect(clock.waiting).toBeLessThanOrEqual(1)
        }
        expect(ran).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
})
