import { describe, expect, it } from 'vitest'
import { deadline, sleep } from '../../src/base/clock.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

describe('a virtual clock', () => {
  it('stands still until it is told', () => {
    const clock = new VirtualClock({ startMs: 1_000 })
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
    clock.advance(250)
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250])
  })

  it('runs timers in the order in which they are due, each at its own time', () => {
    const clock = new VirtualClock({ startMs: 0 })
    const ran: string[] = []
    for (const [ms, name] of [
      [30, 'c'],
      [10, 'a'],
      [20, 'b'],
      [10, 'a again'],
    ] as const) {
      clock.after(ms, () => ran.push(`${name} at ${clock.now()}`))
    }
    clock.advance(20)
    expect(ran).toEqual(['a at 10', 'a again at 10', 'b at 20'])
    expect(clock.waiting).toBe(1)
    expect(clock.nextInMs).toBe(10)
    clock.advance(10)
    expect(ran.at(-1)).toBe('c at 30')
    expect(clock.nextInMs).toBeUndefined()
  })

  it('runs in the same advance what timers set, when it falls due', () => {
    const clock = new VirtualClock()
    const ran: number[] = []
    const tick = (): void => {
      ran.push(clock.monotonic())
      clock.after(10, tick)
    }
    clock.after(10, tick)
    clock.advance(35)
    expect(ran).toEqual([10, 20, 30])
    expect(clock.monotonic()).toBe(35)
  })

  it('waits 1 ms at least, so that a timer that sets itself again comes to an end', () => {
    const clock = new VirtualClock()
    let ran = 0
    const again = (): void => {
      ran++
      clock.after(0, again)
    }
    clock.after(0, again)
    clock.advance(5)
    expect(ran).toBe(5)
  })

  it('does not run a timer that was taken back', () => {
    const clock = new VirtualClock()
    const timer = clock.after(5, () => expect.unreachable())
    timer.cancel()
    timer.cancel()
    clock.advance(10)
    expect(clock.waiting).toBe(0)
  })

  it('runs the end of a turn before the timers, and by itself when nobody advances', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    clock.after(1, () => ran.push('timer'))
    clock.turn(() => ran.push('turn'))
    clock.advance(1)
    expect(ran).toEqual(['turn', 'timer'])
    await new Promise<void>((resolve) => clock.turn(resolve))
  })

  it('runs the other turns too when one throws', async () => {
    const clock = new VirtualClock()
    clock.turn(() => {
      throw new Error('broken')
    })
    const other = new Promise<string>((resolve) => clock.turn(() => resolve('ran')))
    expect(() => clock.advance(0)).toThrow('broken')
    expect(await other).toBe('ran')
  })

  it('lets timers and promises take turns', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    const work = (async () => {
      for (const ms of [10, 20, 30]) {
        await sleep(clock, ms)
        ran.push(`slept ${ms} at ${clock.monotonic()}`)
      }
    })()
    await clock.play(1_000)
    await work
    expect(ran).toEqual(['slept 10 at 10', 'slept 20 at 30', 'slept 30 at 60'])
    expect(clock.monotonic()).toBe(1_000)
  })

  it('fails a deadline only when its time has passed', async () => {
    const clock = new VirtualClock()
    const waited = deadline(clock, new Promise(() => {}), 100, () => new Error('too late'))
    const failed = expect(waited).rejects.toThrow('too late')
    clock.advance(99)
    expect(clock.waiting).toBe(1)
    clock.advance(1)
    await failed
  })

  it('jumps by the calendar, and no wait is touched by it', () => {
    const clock = new VirtualClock({ startMs: 0 })
    let ran = false
    clock.after(10, () => (ran = true))
    clock.jump(-86_400_000)
    expect(clock.now()).toBe(-86_400_000)
    clock.jump(86_400_000 + 5)
    expect([clock.now(), clock.monotonic(), ran]).toEqual([5, 0, false])
    clock.advance(10)
    expect([clock.now(), ran]).toEqual([15, true])
  })

  it('draws the same from the same seed, evenly, and other things from another', () => {
    const draw = (seed: number): number[] => {
      const clock = new VirtualClock({ seed })
      return Array.from({ length: 1_000 }, () => clock.random())
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    const drawn = draw(7)
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...drawn)).toBeLessThan(1)
    for (let tenth = 0; tenth < 10; tenth++) {
      const inside = drawn.filter((value) => Math.floor(value * 10) === tenth)
      expect(inside.length).toBeGreaterThan(50)
    }
  })

  it('makes ids of the right form, never one twice, the same for the same seed', () => {
    const clock = new VirtualClock({ seed: 3 })
    const ids = Array.from({ length: 1_000 }, () => clock.uuid())
    expect(new Set(ids).size).toBe(1_000)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(new VirtualClock({ seed: 3 }).uuid()).toBe(ids[0])
  })
})
