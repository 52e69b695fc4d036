import { Empty, Page } from '../parts/page.tsx'

export default function Worker() {
  return (
    <Page title="Worker">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
