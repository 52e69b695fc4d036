/**
 * The contract of everything that runs.
 *
 * `start` resolves when the service is ready and rejects when it cannot be. `stop` resolves when it has truly stopped.
 * Both may be called twice, and `stop` before `start`: the second call waits for the first.
 */
export interface Service {
  start(): Promise<void>
  stop(): Promise<void>
}
