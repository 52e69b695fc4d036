import { Empty, Page } from '../parts/page.tsx'

export default function Overview() {
  return (
    <Page title="Overview">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
