/** When something is due. Kinds hold no state: whoever asks, and however often, gets the same answer. */
export interface Schedule {
  /**
   * The first due time after a moment, the moment itself not included.
   * @param afterMs milliseconds since 1970, UTC
   * @param zone whose clocks count, as `Asia/Shanghai`
   * @returns milliseconds since 1970, UTC
   */
  next(afterMs: number, zone: string): number
}
