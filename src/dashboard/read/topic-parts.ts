import type { Clock } from '../../base/clock.ts'
import type { FleetWatch } from '../fleet/fleet-watch.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'
import type { Hosts } from './hosts.ts'
import type { TaskProgress } from './task-progress.ts'
import type { Timetable } from './timetable.ts'

/** What the topics are read from. */
export interface TopicParts {
  readonly broker: string
  readonly clock: Clock
  readonly index: KnownTasks
  readonly fleet: FleetWatch
  readonly progress: Pick<TaskProgress, 'of'>
  readonly timetable: Timetable
  readonly hosts: Hosts
}
