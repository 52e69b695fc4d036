import { Empty, Page } from '../parts/page.tsx'

export default function Gateway() {
  return (
    <Page title="Gateway">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
