import type { Feature } from './capabilities.ts'

/** What each kind of pool can do. Nothing is refused by this table but what names a broker. */
export const POOL_FEATURES = {
  apart: {
    title: 'a task that computes keeps no other from running, nor the connection to the broker',
    needs: 'threads or processes',
    kinds: {
      async: [false, 'it is [reported by name and line](guide-blame.md#stalls)'],
      threads: [true, 'others in the same thread wait'],
      processes: [true, 'others in the same process wait'],
    },
  },
  ends: {
    title: 'the hard time limit ends the function, whatever it does',
    needs: 'a pool that can end what it runs',
    kinds: {
      async: [false, 'its outcome is settled, and it goes on'],
      threads: [true, 'not in native code: there the thread is abandoned, counted and replaced'],
      processes: [true, 'with all that it has started'],
    },
  },
  survives: {
    title: 'a task that ends its process takes no other with it',
    needs: 'threads or processes',
    kinds: {
      async: [false, 'the worker ends; [starts are counted](#counting-starts)'],
      threads: [true, '`process.exit`, a full heap, an error nobody catches; not `abort` and faults of native code'],
      processes: [true, 'whatever ends it'],
    },
  },
  memory: {
    title: 'a task can send and use the store on `memory://`',
    needs: 'a broker that several processes share',
    kinds: {
      async: [true, ''],
      threads: [false, 'refused: [`CAPABILITY_MISSING`](errors.md#capability_missing)'],
      processes: [false, 'refused: [`CAPABILITY_MISSING`](errors.md#capability_missing)'],
    },
  },
} as const satisfies Record<string, Feature<'async' | 'threads' | 'processes'>>
