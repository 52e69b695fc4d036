// Outlives the process that started it by a moment: when that one ends, however it ends, the pipe to here closes, and
// what it left running is killed and what it left on disk is removed.
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** @type {Set<number>} */
const groups = new Set()
/** @type {Set<string>} */
const folders = new Set()

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, what] = JSON.parse(line)
  if (verb === 'group') groups.add(what)
  if (verb === 'group-gone') groups.delete(what)
  if (verb === 'folder') folders.add(what)
  if (verb === 'folder-gone') folders.delete(what)
}
for (const pid of groups) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
