import { isLovageError } from '../base/errors.ts'
import { type Action, action, type ActionGround, name, refused } from './action.ts'
import type { ActionAnswer } from './api.ts'
import type { ScheduleSource } from './sources.ts'

/** What is done to schedules. */
export const SCHEDULE_ACTIONS = {
  'schedule-pause': action<'schedule-pause'>({ target: name }, (ground, { target }) =>
    change(ground, target, `${target} is paused`, (schedules) => schedules.pause(target)),
  ),
  'schedule-resume': action<'schedule-resume'>({ target: name }, (ground, { target }) =>
    change(ground, target, `${target} goes on`, (schedules) => schedules.resume(target)),
  ),
  'schedule-run': action<'schedule-run'>({ target: name }, (ground, { target }) =>
    change(ground, target, `${target} runs now`, (schedules) => schedules.run(target)),
  ),
} satisfies Readonly<Record<string, Action>>

async function change(
  { context }: ActionGround,
  target: string,
  done: string,
  act: (schedules: ScheduleSource) => Promise<unknown>,
): Promise<ActionAnswer> {
  const { schedules } = context.sources
  if (!schedules) throw refused(`Steering ${target}`, 'needs a store that has the schedules', 'Give the setting store')
  try {
    await act(schedules)
  } catch (error) {
    if (!isLovageError(error, 'SCHEDULE_UNKNOWN')) throw error
    throw refused(`Steering ${target}`, 'is refused: there is no such entry', error.fix)
  }
  context.changed('schedules')
  return { ok: true, text: done }
}
