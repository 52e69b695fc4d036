import { Empty, Page } from '../parts/page.tsx'

export default function Queues() {
  return (
    <Page title="Queues">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
