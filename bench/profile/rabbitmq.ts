import { valueIn } from '../systems/erlang.ts'
import type { Part } from './parts.ts'
import { spentBy, spentEach, type Spent } from './spent.ts'
import type { Stage } from './stages.ts'

/** What RabbitMQ was seen to do. */
export interface Watched {
  /** Reductions, Erlang's measure of work, by the kind of process; of queues with their name: `queue profile`. */
  readonly work: Readonly<Record<string, number>>
  /** Microseconds that its schedulers were in each state. */
  readonly states: Readonly<Record<'emulator' | 'gc' | 'port' | 'check_io' | 'aux' | 'other', number>>
}

/** For so many milliseconds. It takes a second more, in which rabbitmqctl starts. */
export function watchRabbitmq(pid: number, ms: number): Promise<Watched> {
  return valueIn<Watched>(pid, WATCH.replace('$MS', String(ms)))
}

const WATCH = String.raw`
Work = fun() -> maps:from_list([{P, R} || P <- processes(), {reductions, R} <- [erlang:process_info(P, reductions)]]) end,
Text = fun(T) -> iolist_to_binary(io_lib:format("~s", [T])) end,
Kind = fun(P) ->
  case erlang:process_info(P, [registered_name, dictionary]) of
    [{registered_name, []}, {dictionary, D}] ->
      case {lists:keyfind(process_name, 1, D), lists:keyfind('$initial_call', 1, D)} of
        {{_, {_, {resource, _, queue, Q}}}, _} -> <<"queue ", Q/binary>>;
        {{_, {K, _}}, _} -> Text(K);
        {_, {_, {M, _, _}}} -> Text(M);
        _ -> <<"other">>
      end;
    [{registered_name, N} | _] -> Text(N);
    _ -> <<"gone">>
  end
end,
Before = Work(),
msacc:start($MS),
Worked = maps:fold(
  fun(P, R, Sum) -> maps:update_with(Kind(P), fun(S) -> S + R - maps:get(P, Before, 0) end, R - maps:get(P, Before, 0), Sum) end,
  #{}, Work()),
States = lists:foldl(
  fun(#{type := scheduler, counters := C}, Sum) -> maps:merge_with(fun(_, A, B) -> A + B end, C, Sum); (_, Sum) -> Sum end,
  #{}, msacc:stats()),
#{work => Worked, states => States}`

/** Threads of Erlang that read and write files. */
const FILES = /dirty_io/

/** CPU time that its threads for files had, and its others. */
export interface ErlangSpent {
  readonly files: Spent
  readonly all: Spent
}

export function erlangSpent(pid: number): ErlangSpent {
  return { files: spentBy(pid, FILES), all: spentBy(pid) }
}

/** From one time to a later one, for each of `count`. */
export function erlangEach(from: ErlangSpent, to: ErlangSpent, count: number): ErlangSpent {
  return { files: spentEach(from.files, to.files, count), all: spentEach(from.all, to.all, count) }
}

/**
 * Splits what each task took of RabbitMQ's CPU time by what it did in it.
 * @param tasks the name of the queue that tasks wait in
 */
export function rabbitmqParts({ files, all }: ErlangSpent, seen: Watched, tasks: string): Part[] {
  const user = all.user - files.user
  const { emulator, gc, port, check_io, aux, other } = seen.states
  const busy = emulator + gc + port + check_io + aux + other
  const work = Object.values(seen.work).reduce((sum, reductions) => sum + reductions, 0)
  const parts = new Map<string, Part>()
  const add = (stage: Stage, detail: string, micros: number): void => {
    parts.set(detail, { stage, detail, micros: (parts.get(detail)?.micros ?? 0) + micros })
  }
  for (const [name, reductions] of Object.entries(seen.work)) {
    const [stage, detail] = partOf(name, tasks)
    add(stage, detail, (user * (emulator / busy) * reductions) / work)
  }
  add('garbage collection', 'garbage collection', user * (gc / busy))
  add(RUNTIME, 'Erlang: ports, schedulers, memory', user * ((port + check_io + aux + other) / busy))
  add('journal', 'files: the message store and the index of the queue', files.user + files.system)
  add('the kernel', 'the kernel', all.system - files.system)
  return [...parts.values()]
}

const RUNTIME: Stage = 'the runtime, and the rest'

function partOf(process: string, tasks: string): [stage: Stage, detail: string] {
  if (process === `queue ${tasks}`) return ['queues', 'the process of the task queue']
  if (process.startsWith('queue ')) return ['results', 'the process of the queue for results']
  if (process === 'rabbit_reader' || process === 'rabbit_writer') {
    return ['messages to bytes and back', 'connections: frames read and written']
  }
  if (process === 'rabbit_channel' || process === 'rabbit_limiter') {
    return ['sent, taken, acknowledged', 'channels: routing, confirmations, acknowledgements']
  }
  if (/msg_store|queue_index/.test(process)) return ['journal', 'files: the message store and the index of the queue']
  return [RUNTIME, 'its other processes']
}
