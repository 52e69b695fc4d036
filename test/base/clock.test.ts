import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deadline, sleep, systemClock, type Clock } from '../../src/base/clock.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

describe('the clock of the machine', () => {
  it('reads the time of the machine', () => {
    const before = Date.now()
    const now = systemClock.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Date.now())
    const monotonic = systemClock.monotonic()
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(monotonic)
  })

  it('calls at the end of the turn, after what promises do in it', async () => {
    const ran: string[] = []
    await new Promise<void>((resolve) => {
      systemClock.turn(() => {
        ran.push('turn')
        resolve()
      })
      void Promise.resolve().then(() => ran.push('promise'))
      ran.push('now')
    })
    expect(ran).toEqual(['now', 'promise', 'turn'])
  })

  it('draws numbers from 0 to 1 and ids that differ', () => {
    for (let i = 0; i < 100; i++) {
      const drawn = systemClock.random()
      expect(drawn).toBeGreaterThanOrEqual(0)
      expect(drawn).toBeLessThan(1)
    }
    expect(systemClock.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(systemClock.uuid()).not.toBe(systemClock.uuid())
  })

  describe('with timers', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    it('calls once, when the time has passed', () => {
      const fn = vi.fn()
      systemClock.after(1_000, fn)
      vi.advanceTimersByTime(999)
      expect(fn).not.toHaveBeenCalled()
      vi.advanceTimersByTime(10_000)
      expect(fn).toHaveBeenCalledOnce()
    })

    it('does not call what was taken back', () => {
      const fn = vi.fn()
      const timer = systemClock.after(1_000, fn)
      timer.cancel()
      timer.cancel()
      vi.advanceTimersByTime(10_000)
      expect(fn).not.toHaveBeenCalled()
    })

    it('takes a time that has passed for now', () => {
      const fn = vi.fn()
      systemClock.after(-5, fn)
      vi.advanceTimersByTime(1)
      expect(fn).toHaveBeenCalledOnce()
    })

    it('waits for months, longer than one timer of Node can', () => {
      const fn = vi.fn()
      const sixtyDaysMs = 60 * 86_400_000
      systemClock.after(sixtyDaysMs, fn)
      vi.advanceTimersByTime(sixtyDaysMs - 1)
      expect(fn).not.toHaveBeenCalled()
      vi.advanceTimersByTime(1)
      expect(fn).toHaveBeenCalledOnce()
    })

    it('takes back a wait of months in its second part', () => {
      const fn = vi.fn()
      const timer = systemClock.after(60 * 86_400_000, fn)
      vi.advanceTimersByTime(40 * 86_400_000)
      timer.cancel()
      vi.advanceTimersByTime(40 * 86_400_000)
      expect(fn).not.toHaveBeenCalled()
    })
  })

  it('keeps the process alive for a wait, unless told not to', () => {
    const refs = (options?: { unref: boolean }): boolean => {
      const set = vi.spyOn(globalThis, 'setTimeout')
      const timer = systemClock.after(1_000, () => {}, options)
      const handle = set.mock.results[0]?.value as NodeJS.Timeout
      const keeps = handle.hasRef()
      timer.cancel()
      set.mockRestore()
      return keeps
    }
    expect(refs()).toBe(true)
    expect(refs({ unref: true })).toBe(false)
  })
})

const clocks: [string, () => { clock: Clock; pass: (ms: number) => void }][] = [
  ['the machine', () => ({ clock: systemClock, pass: () => {} })],
  [
    'a virtual clock',
    () => {
      const clock = new VirtualClock()
      return { clock, pass: (ms) => clock.advance(ms) }
    },
  ],
]

describe.each(clocks)('on %s, sleep', (_name, make) => {
  it('resolves after its time', async () => {
    const { clock, pass } = make()
    const from = clock.monotonic()
    const slept = sleep(clock, 20)
    pass(20)
    await slept
    // A timer of Node may come a fraction of a millisecond early by the other clock.
    expect(clock.monotonic() - from).toBeGreaterThanOrEqual(19)
  })

  it('rejects with the reason of a signal that aborts, and no timer is left', async () => {
    const { clock } = make()
    const reason = new Error('enough')
    const controller = new AbortController()
    const slept = expect(sleep(clock, 60_000, controller.signal)).rejects.toBe(reason)
    controller.abort(reason)
    await slept
    if (clock instanceof VirtualClock) expect(clock.waiting).toBe(0)
  })

  it('rejects at once when the signal has aborted before', async () => {
    const { clock } = make()
    await expect(sleep(clock, 60_000, AbortSignal.abort('before'))).rejects.toBe('before')
  })

  it('leaves no listener on the signal', async () => {
    const { clock, pass } = make()
    const { signal } = new AbortController()
    const remove = vi.spyOn(signal, 'removeEventListener')
    const slept = sleep(clock, 1, signal)
    pass(1)
    await slept
    expect(remove).toHaveBeenCalled()
  })
})

describe('a deadline', () => {
  it('passes on what the promise comes to in time, and takes its timer back', async () => {
    const clock = new VirtualClock()
    const never = (): Error => expect.unreachable()
    expect(await deadline(clock, Promise.resolve(5), 100, never)).toBe(5)
    await expect(deadline(clock, Promise.reject(new Error('its own')), 100, never)).rejects.toThrow('its own')
    expect(clock.waiting).toBe(0)
  })

  it('rejects when the time has passed, whatever the promise comes to later', async () => {
    const clock = new VirtualClock()
    for (const later of ['resolve', 'reject'] as const) {
      const late = withResolvers()
      const waited = expect(deadline(clock, late.promise, 100, () => new Error('too late'))).rejects.toThrow('too late')
      clock.advance(100)
      await waited
      // An unhandled rejection would fail the run.
      late[later](new Error('nobody listens') as never)
    }
  })
})

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (reason: Error) => void } {
  let resolve: () => void = () => {}
  let reject: (reason: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
