/**
 * Works on all items at once, at most `bound` of them at a time, and gives on what is told of them as it comes. When
 * nobody reads on, no further item is begun.
 */
export async function* sideBySide<Item, Told>(
  items: Iterable<Item>,
  bound: number,
  work: (item: Item, tell: (told: Told) => void) => Promise<void>,
): AsyncGenerator<Told, void, undefined> {
  const rest = [...items]
  const told: Told[] = []
  let isLeft = false
  let wake = (): void => {}
  const tell = (one: Told): void => {
    told.push(one)
    wake()
  }
  let working = 0
  let failure: { readonly error: unknown } | undefined
  const takeOn = async (): Promise<void> => {
    try {
      while (rest.length > 0 && !isLeft) await work(rest.shift() as Item, tell)
    } catch (error) {
      failure ??= { error }
      isLeft = true
    } finally {
      working--
      wake()
    }
  }
  const hands = Math.min(bound, rest.length)
  working = hands
  for (let i = 0; i < hands; i++) void takeOn()
  try {
    for (;;) {
      while (told.length > 0) yield told.shift() as Told
      if (working === 0) break
      await new Promise<void>((resolve) => void (wake = resolve))
    }
  } finally {
    isLeft = true
  }
  if (failure) throw failure.error
}
