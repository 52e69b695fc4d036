import { useState } from 'preact/hooks'
import type { TaskList } from '../../src/dashboard/api.ts'
import { count } from '../parts/numbers.ts'
import { Shape, toneOf } from '../parts/state.tsx'
import { hasWord, toggleWord } from './task-filter.ts'

const FACETS = ['state', 'name', 'queue', 'worker'] as const
const FEW = 6

interface FacetsProps {
  readonly facets: NonNullable<TaskList['facets']>
  readonly q: string
  onFilter(q: string): void
}

function FacetGroup({ name, facets, q, onFilter }: FacetsProps & { name: (typeof FACETS)[number] }) {
  const [isAll, setAll] = useState(false)
  const values = facets[name] ?? []
  if (values.length === 0) return null
  return (
    <section aria-label={name}>
      <h2>{name}</h2>
      <ul>
        {values.slice(0, isAll ? undefined : FEW).map(({ value, count: times }) => (
          <li key={value}>
            <button
              type="button"
              class="plain"
              title={value}
              aria-pressed={hasWord(q, name, value)}
              onClick={() => onFilter(toggleWord(q, name, value))}
            >
              {name === 'state' && <Shape tone={toneOf(value)} />}
              <span>{name === 'state' ? value.toLowerCase() : value}</span>
              <b>{count(times)}</b>
            </button>
          </li>
        ))}
      </ul>
      {values.length > FEW && (
        <button type="button" class="plain more" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'fewer' : `${values.length - FEW} more`}
        </button>
      )}
    </section>
  )
}

/** What the tasks that match have in common, and how many: each value is a filter. */
export function TaskFacets(props: FacetsProps) {
  return (
    <>
      {FACETS.map((name) => (
        <FacetGroup key={name} name={name} {...props} />
      ))}
    </>
  )
}
