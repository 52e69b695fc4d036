import { Empty, Page } from '../parts/page.tsx'

export default function Workers() {
  return (
    <Page title="Workers">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
