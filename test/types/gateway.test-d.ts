import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { lovage } from '../../src/app/app.ts'
import { gateway, type PathParams } from '../../src/gateway/gateway.ts'

const app = lovage('shop')
const add = app.task('add', (x: number, y: number) => x + y)
const greet = app.task('greet', async (name: string, word?: string) => `${word} ${name}`)
const order = app.task('order', { input: z.object({ id: z.number() }) }, ({ id }) => ({ id, done: true }))
const train = app.remote<(set: string) => { loss: number }>('ml.train')
const web = gateway(app)

test('parameters come from the path', () => {
  expectTypeOf<keyof PathParams<'/sum/:x/:y'>>().toEqualTypeOf<'x' | 'y'>()
  expectTypeOf<PathParams<'/files/:name.:ext'>['ext']>().toBeString()
  expectTypeOf<PathParams<'/range/:from-:to'>['from']>().toBeString()
  expectTypeOf<PathParams<'/user/:id(\\d+)'>['id']>().toBeString()
  expectTypeOf<PathParams<'/all/*'>['*']>().toBeString()
  expectTypeOf<PathParams<'/maybe/:id?'>['id']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<PathParams<string>>().toEqualTypeOf<Readonly<Record<string, string>>>()
  // @ts-expect-error there is no z in the path
  web.get('/sum/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.z)] })
  // @ts-expect-error nor here
  web.handle('GET', '/page/:name', ({ params }) => params.nmae)
})

test('arguments must be those of the task', () => {
  web.get('/sum/:x/:y', add, { args: ({ params }) => [Number(params.x), Number(params.y)] })
  web.get('/greet/:name', greet, { args: ({ params }) => [params.name] })
  web.post('/train/:set', train, { args: ({ params }) => [params.set] })
  web.post('/orders/:id', order, { args: ({ params }) => [{ id: Number(params.id) }] })
  // @ts-expect-error a parameter of a path is text, and the task takes a number
  web.get('/sum/:x/:y', add, { args: ({ params }) => [params.x, Number(params.y)] })
  // @ts-expect-error one too few
  web.get('/sum/:x', add, { args: ({ params }) => [Number(params.x)] })
  // @ts-expect-error one too many
  web.get('/sum/:x', add, { args: () => [1, 2, 3] })
  // @ts-expect-error the remote task takes a text
  web.post('/train', train, { args: () => [1] })
  // @ts-expect-error the input has an id
  web.post('/orders', order, { args: () => [{ di: 1 }] })
})

test('a response function gets what the task returns', () => {
  web.get('/sum', add, {
    args: () => [1, 2],
    response: (value, { id }) => {
      expectTypeOf(value).toBeNumber()
      expectTypeOf(id).toBeString()
    },
  })
  web.post('/train', train, {
    args: () => ['mnist'],
    response: (value) => expectTypeOf(value).toEqualTypeOf<{ loss: number }>(),
  })
  web.get('/greet', greet, { args: () => ['anna'], response: (value) => expectTypeOf(value).toBeString() })
})

test('options that do not exist do not compile', () => {
  // @ts-expect-error a misspelt timeout
  web.get('/sum', add, { args: () => [1, 2], timeuot: '1s' })
  // @ts-expect-error no such kind of reply
  web.get('/sum', add, { args: () => [1, 2], reply: 'later' })
  // @ts-expect-error no duration
  gateway(app, { timeout: '10 seconds' })
  // @ts-expect-error a route that waits needs the result
  web.get('/sum', add, { args: () => [1, 2], send: { ignoreResult: true } })
})

test('what a request brings is typed as carefully as it deserves', () => {
  web.handle('POST', '/x', ({ body, query, raw, signal }) => {
    expectTypeOf(body).toBeUnknown()
    expectTypeOf(query['a']).toEqualTypeOf<string | string[] | undefined>()
    expectTypeOf(raw).toEqualTypeOf<Buffer>()
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
  })
})
