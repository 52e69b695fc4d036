import { Empty, Page } from '../parts/page.tsx'

export default function Processes() {
  return (
    <Page title="Processes">
      <Empty title="Nothing is shown here yet." />
    </Page>
  )
}
