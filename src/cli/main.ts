#!/usr/bin/env node
// Nothing is imported before this check: an older Node would stop at the first line that it cannot read, with a riddle.
const major = Number(process.versions.node.split('.')[0])
if (major < 20) {
  process.stderr.write(
    `✗ Lovage needs Node 20.19 or later, and this is ${process.version}\n  next: install a newer Node\n`,
  )
  process.exit(1)
}
const { projectsOwnCopy } = await import('./own-copy.ts')
const copy = projectsOwnCopy(process.cwd())
if (copy === undefined) {
  const { main } = await import('./program.ts')
  await main(process.argv.slice(2))
} else {
  await import(copy)
}
