// What is done to tasks: asked before, with what will happen and to how many.
import type { ActionAnswer } from '../../src/dashboard/api.ts'
import { confirmAct, type Field } from '../parts/confirm.tsx'
import { many } from '../parts/numbers.ts'

export type Verb = 'retry' | 'revoke' | 'terminate'

const WORDS: Readonly<Record<Verb, { title: string; what: string; isDanger: boolean }>> = {
  retry: {
    title: 'Retry',
    what: 'sent again with the arguments it had, under a new id. What it has done already is done once more.',
    isDanger: false,
  },
  revoke: {
    title: 'Revoke',
    what: 'not started any more. What already runs goes on to its end.',
    isDanger: false,
  },
  terminate: {
    title: 'Terminate',
    what: 'ended at once, also in the middle of its run. It is not run again.',
    isDanger: true,
  },
}

function question(verb: Verb, count: number, whose: string) {
  const { title, what, isDanger } = WORDS[verb]
  const tasks = many(count, 'task')
  return {
    title: `${title} ${tasks}?`,
    text: count === 1 ? `The task ${whose} is ${what}` : `${tasks} ${whose}: each is ${what}`,
    verb: `${title} ${tasks}`,
    isDanger,
  }
}

/** Asks, and does it to these. */
export function doToTasks(verb: Verb, ids: readonly string[], whose: string): Promise<ActionAnswer | undefined> {
  const target = ids.length === 1 ? (ids[0] as string) : ids
  return confirmAct(question(verb, ids.length, whose), `task-${verb}`, { target })
}

/** Asks, and does it to all that match: to those that are shown to match now, not to more. */
export function doToAll(verb: Verb, q: string, count: number, asOfMs: number): Promise<ActionAnswer | undefined> {
  const whose = q === '' ? 'that the dashboard holds' : `that match ${q}`
  const asked = { ...question(verb, count, whose), ...(count > 100 ? { typed: String(count) } : {}) }
  return confirmAct(asked, 'tasks', { target: q, verb, count, asOfMs })
}

function problemOf(text: string, isRight: (value: unknown) => boolean, what: string): string | undefined {
  try {
    return isRight(JSON.parse(text)) ? undefined : `It must be ${what}.`
  } catch {
    return `It is no JSON: ${what} is needed.`
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Asks for other arguments, and sends the task with them. */
export function retryEdited(id: string, name: string): Promise<ActionAnswer | undefined> {
  const fields: Field[] = [
    {
      name: 'args',
      label: 'Positional arguments',
      hint: 'a JSON list',
      type: 'lines',
      value: '[]',
      check: (text) => problemOf(text, Array.isArray, 'a list'),
    },
    {
      name: 'kwargs',
      label: 'Named arguments',
      hint: 'a JSON object',
      type: 'lines',
      value: '{}',
      check: (text) => problemOf(text, isObject, 'an object'),
    },
  ]
  return confirmAct(
    {
      title: 'Retry with other arguments',
      text: `${name} is sent again under a new id, with these arguments instead of those that it had.`,
      verb: 'Send it',
      fields,
    },
    'task-retry',
    (answers) => ({
      target: id,
      args: JSON.parse(answers['args'] ?? '[]') as unknown[],
      kwargs: JSON.parse(answers['kwargs'] ?? '{}') as Record<string, unknown>,
    }),
  )
}
