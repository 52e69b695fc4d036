import { localImportsOf, type SourceFile, type Violation } from './source.ts'

/** From left to right; a file imports only from its own room and from rooms to its left. */
export const ROOMS = [
  'base',
  'protocol',
  'broker',
  'backend',
  'store',
  'canvas',
  'fleet',
  'app',
  'pool',
  'worker',
  'beat',
  'gateway',
  'supervisor',
  'dashboard',
  'testing',
  'cli',
] as const

/** They meet on the wire only. */
const STRANGERS: readonly string[] = ['worker', 'beat', 'gateway', 'supervisor', 'dashboard']

/** Rooms with a seam: each folder in them is a kind of it. */
const SEAMS: readonly string[] = ['broker', 'backend', 'store', 'pool', 'beat']

/** A client that only calls tasks comes in here, and must load neither an HTTP server nor a pool. */
const FRONT_DOOR = 'src/index.ts'
const FRONT_DOOR_ENDS_AT = 'app'

const FORBIDDEN_WORDS = /(^|-)(index|utils?|helpers?|commons?|types?|managers?|misc)(-|\.|$)/

const order = (room: string): number => (ROOMS as readonly string[]).indexOf(room)
const roomOf = (path: string): string => path.split('/')[1] ?? ''
const inSource = (files: readonly SourceFile[]): SourceFile[] =>
  files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'))

/** The kind of a seam that a path belongs to, e.g. `broker/amqp`. */
function kindOf(path: string): string | undefined {
  const [, room, kind, ...rest] = path.split('/')
  return room && SEAMS.includes(room) && rest.length > 0 ? `${room}/${kind}` : undefined
}

/** What is wrong with each import of each file in `src`. */
function judge(
  files: readonly SourceFile[],
  problemOf: (from: string, to: string) => string | false | undefined,
): Violation[] {
  return inSource(files).flatMap((file) =>
    localImportsOf(file).flatMap((to) => {
      const problem = problemOf(file.path, to)
      return problem ? [{ path: file.path, problem }] : []
    }),
  )
}

/** Wall 1: imports run leftwards only, type imports too; every file is in a room. */
export function leftwards(files: readonly SourceFile[]): Violation[] {
  const homeless = inSource(files)
    .filter(({ path }) => path !== FRONT_DOOR && (order(roomOf(path)) < 0 || path.split('/').length < 3))
    .map(({ path }) => ({ path, problem: 'is in no room' }))
  const wrong = judge(files, (from, to) => {
    if (!to.startsWith('src/')) return `imports ${to}, which is outside of src`
    if (to === FRONT_DOOR) return 'imports the front door, which is for users'
    if (from === FRONT_DOOR) {
      return (
        order(roomOf(to)) > order(FRONT_DOOR_ENDS_AT) && `opens ${to}, which a client that only calls must not load`
      )
    }
    return order(roomOf(to)) > order(roomOf(from)) && `imports ${to}, to its right`
  })
  return [...homeless, ...wrong]
}

/** Wall 2: the roles never import each other. */
export function strangers(files: readonly SourceFile[]): Violation[] {
  return judge(files, (from, to) => {
    const [one, other] = [roomOf(from), roomOf(to)]
    return (
      one !== other && STRANGERS.includes(one) && STRANGERS.includes(other) && `imports ${to}: they meet on the wire`
    )
  })
}

/** Wall 3: kinds of one seam are strangers, and only `open.ts` knows them. */
export function seams(files: readonly SourceFile[]): Violation[] {
  return judge(files, (from, to) => {
    const kind = kindOf(to)
    if (kind === undefined || kindOf(from) === kind || from === `src/${roomOf(to)}/open.ts`) return undefined
    return `imports ${to}: only ${roomOf(to)}/open.ts knows the kinds`
  })
}

/** Wall 4: names say what is in a file. */
export function names(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(({ path }) => path.startsWith('src/') && path !== FRONT_DOOR)
    .flatMap(({ path }) => {
      const parts = path.split('/').slice(1)
      const vague = parts.find((part) => FORBIDDEN_WORDS.test(part))
      if (vague) return [{ path, problem: `is named ${vague}, which says nothing of what is in it` }]
      const odd = parts.find((part) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(part))
      return odd ? [{ path, problem: `${odd} is not in kebab-case` }] : []
    })
}
