import { Empty, Page } from '../parts/page.tsx'

export default function Task() {
  return (
    <Page title="Task">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
