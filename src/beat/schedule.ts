/** When something is due. Kinds hold no state: whoever asks, and however often, gets the same answer. */
export interface Schedule {
  /** It is about the time that passes, not about times of day: a clock that is set back does not keep it waiting. */
  readonly isElapsing?: boolean
  /**
   * The first due time after a moment, the moment itself not included.
   * @param afterMs milliseconds since 1970, UTC
   * @param zone whose clocks count, as `Asia/Shanghai`
   * @returns milliseconds since 1970, UTC
   */
  next(afterMs: number, zone: string): number
}
