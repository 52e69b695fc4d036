import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { watchFiles, type FileWatch } from '../../src/cli/watch-files.ts'
import { temporaryFolder } from '../services/reaper.ts'

let watch: FileWatch | undefined
afterEach(() => watch?.close())

/** Watches `folder`; `next()` resolves with the names of the next burst. */
async function watched(folder: string): Promise<() => Promise<string[]>> {
  const bursts: string[][] = []
  let wake: () => void = () => undefined
  watch = await watchFiles(
    [folder],
    (paths) => {
      bursts.push(paths.map((path) => path.slice(folder.length + 1)).sort())
      wake()
    },
    { settleMs: 20 },
  )
  return async () => {
    while (bursts.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return bursts.shift() as string[]
  }
}

/** The first burst with that name in it. What lies in a new folder may be told twice: by whoever looks, and as written. */
async function burstWith(next: () => Promise<string[]>, name: string): Promise<string[]> {
  for (;;) {
    const names = await next()
    if (names.includes(name)) return names
  }
}

describe('the watch over modules', () => {
  it('tells of a module that is written, of several at once in one burst', async () => {
    const folder = temporaryFolder('watch')
    const next = await watched(folder)
    writeFileSync(join(folder, 'a.ts'), '1')
    writeFileSync(join(folder, 'b.js'), '1')
    expect(await next()).toEqual(['a.ts', 'b.js'])
  })

  it('tells of one that is put in place by renaming, as editors do', async () => {
    const folder = temporaryFolder('watch')
    writeFileSync(join(folder, 'a.ts'), '1')
    const next = await watched(folder)
    writeFileSync(join(folder, 'a.ts~'), '2')
    renameSync(join(folder, 'a.ts~'), join(folder, 'a.ts'))
    expect(await next()).toEqual(['a.ts'])
  })

  it('tells of modules in a folder that was removed and made anew', async () => {
    const folder = temporaryFolder('watch')
    mkdirSync(join(folder, 'inner'))
    writeFileSync(join(folder, 'inner/a.ts'), '1')
    const next = await watched(folder)
    rmSync(join(folder, 'inner'), { recursive: true })
    expect(await next()).toEqual(['inner/a.ts'])
    mkdirSync(join(folder, 'inner'))
    writeFileSync(join(folder, 'inner/a.ts'), '2')
    expect(await burstWith(next, 'inner/a.ts')).toContain('inner/a.ts')
    writeFileSync(join(folder, 'inner/b.ts'), '1')
    expect(await burstWith(next, 'inner/b.ts')).toContain('inner/b.ts')
  })

  it.each(['removed', 'moved away'])('tells of modules in a folder that stands where one was just %s', async (how) => {
    const folder = temporaryFolder('watch')
    const inner = join(folder, 'inner')
    mkdirSync(join(inner, 'deep'), { recursive: true })
    const next = await watched(folder)
    // Made before one can look whether it is gone; often it has the inode number of the one that is.
    if (how === 'removed') rmSync(inner, { recursive: true })
    else renameSync(inner, join(folder, 'elsewhere'))
    mkdirSync(join(inner, 'deep'), { recursive: true })
    for (const name of ['a.ts', 'deep/a.ts']) {
      writeFileSync(join(inner, name), '1')
      expect(await burstWith(next, `inner/${name}`)).toContain(`inner/${name}`)
    }
    for (const name of ['b.ts', 'deep/b.ts']) {
      writeFileSync(join(inner, name), '1')
      expect(await burstWith(next, `inner/${name}`)).toContain(`inner/${name}`)
    }
  })

  it('says nothing of data, nor of what tools write', async () => {
    const folder = temporaryFolder('watch')
    for (const name of ['node_modules/x', 'dist', '.cache']) mkdirSync(join(folder, name), { recursive: true })
    const next = await watched(folder)
    expect(watch?.folders).toBe(1)
    writeFileSync(join(folder, 'result.json'), '1')
    for (const name of ['node_modules/x', 'dist', '.cache']) writeFileSync(join(folder, name, 'a.js'), '1')
    writeFileSync(join(folder, 'last.ts'), '1')
    expect(await next()).toEqual(['last.ts'])
  })
})
