import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder of the test file's own, gone after its last test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-test-'))
  // Hooks of this kind run last to first: whoever uses the folder is stopped before it goes.
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
