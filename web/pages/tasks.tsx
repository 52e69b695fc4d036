import { Empty, Page } from '../parts/page.tsx'

export default function Tasks() {
  return (
    <Page title="Tasks">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
