import { Empty, Page } from '../parts/page.tsx'

export default function NotFound() {
  return (
    <Page title="Not found">
      <Empty title="There is no page at this address.">
        Press <kbd>Ctrl K</kbd> to find what you are looking for, or go to the <a href="/">overview</a>.
      </Empty>
    </Page>
  )
}
