import { useEffect, useState } from 'preact/hooks'
import type { AuditEntry, AuditList } from '../../src/dashboard/api.ts'
import { get, refusalOf, type Refusal } from '../live/fetching.ts'
import { exactly } from '../parts/numbers.ts'
import { Empty, ErrorState, Loading, Page } from '../parts/page.tsx'
import { Age, State } from '../parts/state.tsx'
import { Table, type Column } from '../parts/table.tsx'

const COLUMNS: readonly Column<AuditEntry>[] = [
  { key: 'when', title: 'When', width: '3.4rem', phone: '3rem', cell: ({ atMs }) => <Age at={atMs} /> },
  { key: 'time', title: 'Time', width: '13rem', cell: ({ atMs }) => <span class="mono">{exactly(atMs)}</span> },
  { key: 'user', title: 'Who', width: 'minmax(5rem, 0.7fr)', phone: '1fr', cell: ({ user }) => user },
  { key: 'from', title: 'From', width: 'minmax(5.5rem, 0.7fr)', cell: ({ from }) => <span class="mono">{from}</span> },
  { key: 'action', title: 'Action', width: 'minmax(8.5rem, 1fr)', phone: '1fr', cell: ({ action }) => <b>{action}</b> },
  { key: 'target', title: 'On', width: 'minmax(8rem, 2fr)', cell: ({ target }) => <span class="mono">{target}</span> },
  { key: 'options', title: 'With', width: 'minmax(6rem, 1.5fr)', cell: ({ options }) => <Options of={options} /> },
  { key: 'outcome', title: 'Outcome', width: '5.5rem', phone: '6rem', cell: ({ outcome }) => <State of={outcome} /> },
  { key: 'text', title: 'What came of it', width: 'minmax(8rem, 2fr)', cell: ({ text }) => text },
]

function Options({ of }: { of: unknown }) {
  const text = of === null || of === undefined ? '' : JSON.stringify(of)
  return text === '' || text === '{}' ? <span class="faint">–</span> : <code title={text}>{text}</code>
}

export default function Audit() {
  const [list, setList] = useState<AuditList>()
  const [error, setError] = useState<Refusal>()
  const load = (): void => {
    get<AuditList>('audit?limit=500').then(setList, (thrown: unknown) => setError(refusalOf(thrown)))
  }
  useEffect(load, [])
  return (
    <Page title="Audit" isFull aside={<span class="faint">every change made here, the newest first</span>}>
      {error && <ErrorState error={error} retry={load} />}
      {!list && !error && <Loading />}
      {list && (
        <Table
          label="Audit log"
          columns={COLUMNS}
          rows={list.entries}
          keyOf={({ atMs, user, action, target }) => [atMs, user, action, target].join()}
          isLong
          empty={<Empty title="Nothing was changed yet.">Each action taken on these pages is written down here.</Empty>}
        />
      )}
    </Page>
  )
}
