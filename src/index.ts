export { lovage, type App, type Surroundings } from './app/app.ts'
export type { Client, SendCounts } from './app/send.ts'
export type { AsyncResult, RevokeTreeOptions, TaskUpdate } from './app/async-result.ts'
export { addToChord, chain, chord, group, replace } from './app/canvas.ts'
export type { CallOptions, NamedArguments } from './app/call-options.ts'
export type {
  AddConsumerOptions,
  BroadcastOptions,
  Control,
  ControlOptions,
  NodeReply,
  TerminateOptions,
} from './app/control.ts'
export { Ignore, Reject, Retry, SoftTimeLimitExceeded, TaskAbandoned } from './app/control-flow.ts'
export { TimeLimitExceeded, WorkerStopping } from './app/control-flow.ts'
export { currentTask, type CurrentTask, type DeliveryInfo, retry, type RetryOptions } from './app/current-task.ts'
export type {
  ChildEvent,
  Hook,
  HookEvents,
  HookName,
  HookOptions,
  PublishEvent,
  TaskEvent,
  WorkerEvent,
} from './app/hooks.ts'
export {
  broadcast,
  type BindingOptions,
  type BroadcastQueue,
  type ExchangeOptions,
  type ExchangeType,
  type NamedQueue,
  type QueueOptions,
  type QueuesOption,
  type QueueType,
} from './app/queue-options.ts'
export type {
  RouteFunction,
  RouteOptions,
  RoutePair,
  RouterOption,
  RoutesOption,
  RouteTarget,
} from './app/route-options.ts'
export type { ByNode, Inspect, InspectOptions, ScheduledInfo, TaskInfo } from './app/inspect.ts'
export type { GetOptions } from './app/get-options.ts'
export type { AnyResult, EndedMember, GroupResult, Progress } from './app/group-result.ts'
export type { Resource, ResourceOptions } from './app/resources.ts'
export type { Sending } from './app/sending.ts'
export type { GivenSettings, Settings } from './app/settings.ts'
export type { Signature } from './app/signature.ts'
export type { InputTask, RemoteTask, Task } from './app/task.ts'
export type { TaskClass, TaskHandlers, TaskObject } from './app/task-class.ts'
export type { ErrorMatch, SendOptions, TaskOptions } from './app/task-options.ts'
export type { Duration } from './base/duration.ts'
export { isLovageError, LovageError, type ErrorCode } from './base/errors.ts'
export { log, onLog, type LogLevel, type LogRecord } from './base/log.ts'
export { TaskError, type Failure } from './protocol/failure.ts'
export type { TraceContext } from './protocol/trace-context.ts'
export type { Outcome, State } from './protocol/outcome.ts'
export type { Store } from './store/store.ts'
