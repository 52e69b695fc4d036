import { expectTypeOf, test } from 'vitest'
import { type AsyncResult, chain, chord, group, type GroupResult, lovage, type Sending, type Signature } from 'lovage'

const app = lovage('types')
const add = app.task('add', (x: number, y: number) => x + y)
const sum = app.task('sum', (xs: readonly number[]) => xs.length)
const show = app.task('show', (x: number, pad?: string) => `${x}${pad}`)
const size = app.task('size', async (text: string) => text.length)
const list = app.task('list', (xs: readonly [number, string]) => xs)

test('a signature takes what is left in front of the arguments it has', () => {
  expectTypeOf(add.s(1, 2)).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(add.s(4).delay).parameters.toEqualTypeOf<[x: number]>()
  expectTypeOf(add.s().delay).parameters.toEqualTypeOf<[x: number, y: number]>()
  expectTypeOf(show.s('x').delay).parameters.toEqualTypeOf<[x: number]>()
  expectTypeOf(add.si(1, 2)).toEqualTypeOf<Signature<readonly unknown[], number>>()
})

test('a pipe and a chain come to what their last step comes to', () => {
  expectTypeOf(add.s(1, 2).pipe(add.s(3))).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(add.s(1, 2).pipe(show.s()).pipe(size.s()).delay()).toEqualTypeOf<Sending<number>>()
  expectTypeOf(chain(add.s(1, 2), show.s('x'), size.s())).toEqualTypeOf<Signature<[], number>>()
  expectTypeOf(chain(add.s(1), size.si('x')).delay).parameters.toEqualTypeOf<[x: number]>()
  expectTypeOf<Awaited<Sending<number>>>().toEqualTypeOf<AsyncResult<number>>()
})

test('a group comes to a list, a chord to what its body comes to', () => {
  const pair = group([add.s(1, 2), show.si(1)])
  expectTypeOf(pair.delay().get()).toEqualTypeOf<Promise<[number, string]>>()
  expectTypeOf<Awaited<ReturnType<typeof pair.delay>>>().toEqualTypeOf<GroupResult<[number, string]>>()
  expectTypeOf(
    group([1, 2].map((x) => add.s(x, x)))
      .delay()
      .get(),
  ).toEqualTypeOf<Promise<number[]>>()
  expectTypeOf(
    chord([add.s(1, 2), add.s(3, 4)], sum.s())
      .delay()
      .get(),
  ).toEqualTypeOf<Promise<number>>()
  expectTypeOf(pair.pipe(list.s()).delay().get()).toEqualTypeOf<Promise<readonly [number, string]>>()
  expectTypeOf(
    chain(add.s(1, 2), group([add.s(1), show.s()]))
      .delay()
      .get(),
  ).toEqualTypeOf<Promise<[number, string]>>()
})

test('maps and chunks come to lists', () => {
  expectTypeOf(size.map(['a', 'b']).delay().get()).toEqualTypeOf<Promise<number[]>>()
  expectTypeOf(
    add
      .starmap([[1, 2]])
      .delay()
      .get(),
  ).toEqualTypeOf<Promise<number[]>>()
  expectTypeOf(
    add
      .chunks([[1, 2]], 10)
      .delay()
      .get(),
  ).toEqualTypeOf<Promise<number[][]>>()
})

/** What stands in here is looked at by the compiler alone. */
function compiled(body: () => void): void {
  void body
}

test('what does not fit does not compile', () => {
  compiled(() => {
    // @ts-expect-error the last argument is a number
    add.s('x')
    // @ts-expect-error there is one argument too many
    add.s(1, 2, 3)
    // @ts-expect-error it has all its arguments, and nothing can come in front of them
    add.s(1, 2).pipe(add.s(3, 4))
    // @ts-expect-error a number is no text
    add.s(1, 2).pipe(size.s())
    // @ts-expect-error it lacks two
    add.s(1, 2).pipe(add.s())
    // @ts-expect-error the second step gives a text, the third takes a number
    chain(add.s(1, 2), show.s(), add.s(1))
    // @ts-expect-error it lacks its first argument
    add.s(4).delay()
    const both = group([size.si('y'), show.s()])
    // @ts-expect-error one of its members cannot take a text
    show.s(1).pipe(both)
    // @ts-expect-error a group gives a list, and not a number
    group([add.s(1, 2)]).pipe(add.s(1))
    // @ts-expect-error its body takes numbers, and one of them is a text
    chord([add.s(1, 2), show.si(1)], sum.s())
    // @ts-expect-error its body takes a list
    chord([add.s(1, 2)], size.s())
    // @ts-expect-error the callback takes a text
    add.s(1, 2).link(size.s())
  })
})
