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
    expect(await next()).toEqual(['inner/a.ts'])
    writeFileSync(join(folder, 'inner/a.ts'), '3')
    expect(await next()).toEqual(['inner/a.ts'])
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
