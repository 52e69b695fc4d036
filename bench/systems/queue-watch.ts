import { spentBy } from '../profile/spent.ts'
import { valueIn } from './erlang.ts'

/** Reductions, Erlang's measure of work, until now. */
interface Work {
  readonly queue: number
  /** Of the log that all quorum queues of a node share. */
  readonly log: number
  readonly all: number
}

/** A queue's own process in RabbitMQ, in which all is done that is done to the queue: it has one core at most. */
export class QueueWatch {
  readonly #pid: number
  readonly #expression: string
  #work: Work = { queue: 0, log: 0, all: 0 }
  #micros = 0

  private constructor(pid: number, expression: string) {
    this.#pid = pid
    this.#expression = expression
  }

  /** From now on the process of that queue is watched, in the node `pid` that leads it. */
  static async start(pid: number, vhost: string, queue: string): Promise<QueueWatch> {
    const watch = new QueueWatch(pid, WORK.replace('$VHOST', vhost).replace('$QUEUE', queue))
    watch.#work = await valueIn<Work>(pid, watch.#expression)
    watch.#micros = userMicros(pid)
    return watch
  }

  /**
   * Microseconds of CPU since then of the queue's process, and of the log that all quorum queues of the node share, which is
   * one process too: their shares of the node's reductions.
   */
  async micros(): Promise<{ queue: number; log: number }> {
    const micros = userMicros(this.#pid) - this.#micros
    const now = await valueIn<Work>(this.#pid, this.#expression)
    const each = micros / (now.all - this.#work.all)
    return { queue: each * (now.queue - this.#work.queue), log: each * (now.log - this.#work.log) }
  }
}

/** Outside of the kernel, of the threads that run processes. */
function userMicros(pid: number): number {
  return spentBy(pid, /^\d+_scheduler$/).user
}

const WORK = String.raw`
{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"$VHOST">>, queue, <<"$QUEUE">>)),
Queue = case amqqueue:get_pid(Q) of {Name, _} -> whereis(Name); P -> P end,
{reductions, Work} = erlang:process_info(Queue, reductions),
{reductions, Log} = case whereis(ra_log_wal) of undefined -> {reductions, 0}; W -> erlang:process_info(W, reductions) end,
{All, _} = erlang:statistics(reductions),
#{queue => Work, log => Log, all => All}`
