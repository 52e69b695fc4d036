import type { RemoteTask } from '../app/task.ts'
import type { Gateway } from './gateway.ts'
import type { ArgumentsOf, PathParams, ResultOf, RouteOptions } from './route.ts'

/** Binds a path to a task; the parameters of the path and the arguments of the task give the options their types. */
export interface Bind {
  /** @throws LovageError `OPTION_INVALID` */
  <const Path extends string, Bound extends RemoteTask<any, any>, const Given extends ArgumentsOf<Bound>>(
    path: Path,
    task: Bound,
    options?: RouteOptions<PathParams<Path>, Given, ResultOf<Bound>>,
  ): Gateway
}
