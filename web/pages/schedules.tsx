import { Empty, Page } from '../parts/page.tsx'

export default function Schedules() {
  return (
    <Page title="Schedules">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
