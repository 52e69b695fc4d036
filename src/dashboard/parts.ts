import { actions } from './actions.ts'
import type { DashboardPart } from './context.ts'
import { flower } from './flower.ts'
import { guard } from './guard.ts'
import { metrics } from './metrics.ts'
import { processLog } from './process-log.ts'

/** Every part of the dashboard that is not the reading of it, in order: who lets people in comes first. */
export const PARTS: readonly DashboardPart[] = [guard, actions, processLog, flower, metrics]
