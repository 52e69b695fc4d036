import type { BrokerKind, Feature } from './capabilities.ts'

/** What each kind of broker can do. `docs/semantics.md` has the same table; a test holds the two equal. */
export const BROKER_FEATURES = {
  processes: {
    title: 'several processes meet there',
    needs: 'a broker that several processes share',
    kinds: {
      amqp: [true, ''],
      redis: [true, ''],
      embedded: [true, 'of one user'],
      memory: [false, 'it lies in the memory of one process'],
    },
  },
  machines: {
    title: 'several machines meet there',
    needs: 'a broker that several machines share',
    kinds: { amqp: [true, ''], redis: [true, ''], embedded: [false, ''], memory: [false, ''] },
  },
  durable: {
    title: 'what it has confirmed outlives its end',
    needs: 'a broker that keeps what it has',
    kinds: {
      amqp: [true, 'durable queues, persistent messages'],
      redis: [true, 'with `appendonly yes` and `noeviction` only'],
      embedded: [true, 'a journal, on disk before the confirmation'],
      memory: [false, 'gone with the process'],
    },
  },
  celery: {
    title: 'Celery in Python meets us there',
    needs: 'a broker that Celery knows',
    kinds: { amqp: [true, ''], redis: [true, ''], embedded: [false, ''], memory: [false, ''] },
  },
  admin: {
    title: 'queues can be looked into: depth, purge, dead letters',
    needs: 'a broker whose queues can be looked into',
    kinds: { amqp: [true, ''], redis: [true, ''], embedded: [true, ''], memory: [true, 'from inside its process'] },
  },
  priorities: {
    title: 'priorities',
    needs: 'a broker with priorities',
    kinds: {
      amqp: [true, '`maxPriority`; not on quorum queues'],
      redis: [true, '`maxPriority`; in four steps'],
      embedded: [true, '`maxPriority`'],
      memory: [true, '`maxPriority`'],
    },
  },
  topics: {
    title: 'exchanges `direct`, `topic`, `fanout`; several queues on one exchange',
    needs: 'a broker with exchanges',
    kinds: {
      amqp: [true, ''],
      redis: [true, '`fanout` reaches those who read at the time, by the routing key too'],
      embedded: [true, ''],
      memory: [true, ''],
    },
  },
  quorum: {
    title: 'quorum queues',
    needs: 'a broker that keeps copies of queues',
    kinds: {
      amqp: [true, 'without priorities'],
      redis: [false, '`type` is taken and has no effect'],
      embedded: [false, '`type` is taken and has no effect'],
      memory: [false, '`type` is taken and has no effect'],
    },
  },
  consumerArguments: {
    title: '`consumerArguments` of a queue',
    needs: 'a broker that takes arguments of consumers',
    kinds: {
      amqp: [true, ''],
      redis: [false, 'refused'],
      embedded: [false, 'refused'],
      memory: [false, 'refused'],
    },
  },
  delay: {
    title: '`countdown`, `eta`, retries with a wait',
    needs: 'a broker that keeps messages until their time',
    kinds: {
      amqp: [true, 'kept by the server'],
      redis: [true, 'kept in a due list, moved by workers'],
      embedded: [true, 'kept in the journal'],
      memory: [true, 'kept in memory'],
    },
  },
  listsDelayed: {
    title: 'what waits for its time can be listed, counted and dropped',
    needs: 'a broker that can list what waits for its time',
    kinds: {
      amqp: [false, 'the server keeps it together, whatever queue it is for; who listened to events knows'],
      redis: [true, ''],
      embedded: [true, ''],
      memory: [true, ''],
    },
  },
  heldForEver: {
    title: 'a message may be held for as long as its task runs',
    needs: 'a broker that takes no message back for its age',
    kinds: {
      amqp: [true, 'under a lease, before `consumer_timeout` strikes'],
      redis: [true, 'its hold is renewed while its worker lives'],
      embedded: [true, ''],
      memory: [true, ''],
    },
  },
} as const satisfies Record<string, Feature<BrokerKind>>
