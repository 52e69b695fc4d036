import { expectTypeOf, test } from 'vitest'
import { defineConfig, type LovageConfig } from 'lovage/config'

test('a configuration is typed by what each process runs', () => {
  const config = defineConfig({
    app: './tasks.ts',
    tasks: ['./more.ts'],
    processes: {
      images: { run: 'worker', queues: ['images'], concurrency: 4, count: 2 },
      web: { run: 'gateway', module: './gateway.ts', port: 8000 },
    },
  })
  expectTypeOf(config).toEqualTypeOf<LovageConfig>()
})

/** What stands in here is looked at by the compiler alone. */
export function mustNotCompile(): void {
  // @ts-expect-error the module of the application is missing
  defineConfig({})
  // @ts-expect-error there is no such entry
  defineConfig({ app: './tasks.ts', workers: 4 })
  // @ts-expect-error a process runs one of the known roles
  defineConfig({ app: './tasks.ts', processes: { a: { run: 'celery' } } })
  // @ts-expect-error a worker has no port
  defineConfig({ app: './tasks.ts', processes: { a: { run: 'worker', port: 80 } } })
  // @ts-expect-error a gateway has a module
  defineConfig({ app: './tasks.ts', processes: { a: { run: 'gateway' } } })
  // @ts-expect-error and no queues
  defineConfig({ app: './tasks.ts', processes: { a: { run: 'gateway', module: './g.ts', queues: ['q'] } } })
  // @ts-expect-error Celery's pools have other names in a configuration
  defineConfig({ app: './tasks.ts', processes: { a: { run: 'worker', pool: 'prefork' } } })
}
