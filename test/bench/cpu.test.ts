import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cpuOf, cpuOfFamily, familyOf, groupOf, statOf } from '../../bench/cpu.ts'
import { spentBy } from '../../bench/profile/spent.ts'
import { startChild } from '../services/child.ts'

const PARENT = `
const { spawn } = require('node:child_process')
const child = spawn(process.execPath, ['-e', 'for (let i = 0; i < 3e8; i++); console.log("busy"); setInterval(() => {}, 1e6)'], { stdio: ['ignore', 'inherit', 'ignore'] })
console.log('child', child.pid)
setInterval(() => {}, 1e6)`

test('what a process has started is measured with it, by its family and by its group', async () => {
  const parent = startChild(process.execPath, ['-e', PARENT])
  try {
    const [, child] = (await parent.line(/^child \d+$/)).split(' ').map(Number) as [number, number]
    await parent.line('busy')
    expect(familyOf(parent.pid)).toEqual([parent.pid, child])
    expect(groupOf(parent.pid)).toEqual([parent.pid, child])
    expect(cpuOfFamily(parent.pid)).toBeGreaterThanOrEqual(cpuOf([child]))
    expect(cpuOf([child])).toBeGreaterThan(100_000)
    const { user, system } = spentBy(child)
    expect(user + system).toBeGreaterThan(100_000)
    expect(spentBy(child, /^no thread of that name$/)).toEqual({ user: 0, system: 0 })
  } finally {
    await parent.kill()
  }
  expect(cpuOf([parent.pid])).toBe(0)
})

test('a name with brackets and spaces is told apart from what stands behind it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-cpu-'))
  const name = 'a) R (b'
  symlinkSync(process.execPath, join(folder, name))
  const child = startChild(join(folder, name), ['-e', 'console.log("there"); setInterval(() => {}, 1e6)'])
  try {
    await child.line('there')
    expect(statOf(`/proc/${child.pid}`)?.name).toBe(name)
    expect(statOf(`/proc/${child.pid}`)?.fields[1]).toBe(String(process.pid))
  } finally {
    await child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
})
