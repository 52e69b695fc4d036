import type { TaskDetail } from '../../src/dashboard/api.ts'
import { many, shortId } from '../parts/numbers.ts'
import { Panel } from '../parts/page.tsx'
import { Shape, toneOf } from '../parts/state.tsx'

type Member = TaskDetail['family'][number]

const INDENT = 18
const DEEPEST = 12

interface Line {
  readonly member: Member
  readonly depth: number
}

/** The family as lines, each child below its parent. Whose parent is not known stands at the left. */
export function linesOf(family: readonly Member[]): Line[] {
  const known = new Set(family.map(({ id }) => id))
  const children = new Map<string | null, Member[]>()
  for (const member of family) {
    const parent = member.parentId !== null && known.has(member.parentId) ? member.parentId : null
    children.set(parent, [...(children.get(parent) ?? []), member])
  }
  const lines: Line[] = []
  const seen = new Set<string>()
  // By hand and not by recursion: a chain may be hundreds long.
  const open = (children.get(null) ?? []).map((member) => ({ member, depth: 0 })).toReversed()
  for (let line = open.pop(); line; line = open.pop()) {
    const { member, depth } = line
    if (seen.has(member.id)) continue
    seen.add(member.id)
    lines.push(line)
    for (const child of (children.get(member.id) ?? []).toReversed()) open.push({ member: child, depth: depth + 1 })
  }
  return lines
}

/** Which task sent which: chains, groups and chords as a tree. */
export function TaskFamily({ family, id }: { family: readonly Member[]; id: string }) {
  const lines = linesOf(family)
  if (lines.length < 2) return null
  return (
    <Panel title="Family" kind="family" aside={<span class="faint">{many(lines.length, 'task')}</span>}>
      <ul>
        {lines.map(({ member, depth }) => (
          <li
            key={member.id}
            aria-current={member.id === id || undefined}
            style={{ paddingLeft: `${12 + Math.min(depth, DEEPEST) * INDENT}px` }}
          >
            {depth > 0 && <i aria-hidden="true" />}
            <Shape tone={toneOf(member.state)} />
            <a href={`/tasks/${encodeURIComponent(member.id)}`}>{member.name ?? 'name not known'}</a>
            <code class="faint">{shortId(member.id)}</code>
            <span class="faint">{member.state.toLowerCase()}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
