import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { claim } from '../../../src/broker/embedded/owner/claim.ts'
import { leaveOwnerRecord, refuseForeignOwner } from '../../../src/broker/embedded/owner/guard.ts'
import { openPlace, type Place } from '../../../src/broker/embedded/owner/place.ts'
import { type Child, startChild } from '../../services/child.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CLAIMANT = fileURLToPath(new URL('./claimant.ts', import.meta.url))
const LONG = { timeout: 120_000 }
const IS_LINUX_ROOT = process.platform === 'linux' && process.getuid?.() === 0

let folder: string
let home: string
let children: Child[]
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lovage-owner-')))
  home = join(folder, '.lovage')
  children = []
})
afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()))
  rmSync(folder, { recursive: true, force: true })
})

/** A claimant; `wrap` is what it is started by. */
function claimant(path = home, wrap: readonly string[] = [], mode: readonly string[] = []): Child {
  const [command, ...args] = [...wrap, process.execPath, '--import', 'jiti/register', CLAIMANT, path, ...mode]
  const child = startChild(command as string, args, { cwd: ROOT, name: `claimant ${children.length}` })
  children.push(child)
  return child
}

async function isOwner(child: Child): Promise<string> {
  await child.line('ready', { timeoutMs: 60_000 })
  const from = child.lines.length
  child.write('claim\n')
  return child.line(/owner|_|Error/, { from, timeoutMs: 60_000 })
}

/** Runs a shell line in a mount namespace of its own, which ends with it, then the claimant. */
function inMounts(line: string): string[] {
  return ['unshare', '-m', 'sh', '-c', `${line} && exec "$@"`, 'sh']
}

function numbersIn(path = home): string[] {
  return readdirSync(join(path, 'broker')).filter((name) => name.startsWith('owner-'))
}

describe('of several processes', () => {
  test('that claim a directory at once one is the owner, and when it is killed one of the others', LONG, async () => {
    let running = Array.from({ length: 5 }, () => claimant())
    await Promise.all(running.map((child) => child.line('ready', { timeoutMs: 60_000 })))
    while (running.length > 0) {
      const said = await Promise.all(running.map((child) => isOwner(child)))
      expect(said.filter((words) => words === 'is owner')).toHaveLength(1)
      expect(said.filter((words) => words === 'is not owner')).toHaveLength(running.length - 1)
      const owner = running[said.indexOf('is owner')] as Child
      await owner.kill()
      running = running.filter((child) => child !== owner)
    }
    expect(numbersIn()).toHaveLength(1)
  })

  test('the owner stays it while it is stopped, and is followed when it is killed then', LONG, async () => {
    // From a network of its own, where that is allowed: it sees nothing of the owner but its socket in the directory.
    const [owner, other] = [claimant(), claimant(home, IS_LINUX_ROOT ? ['unshare', '-n'] : [])]
    expect(await isOwner(owner)).toBe('is owner')
    expect(await isOwner(other)).toBe('is not owner')
    owner.signal('SIGSTOP')
    // More often than the queue of a listening socket is long.
    const from = other.lines.length
    for (let n = 0; n < 600; n++) other.write('claim\n')
    await expect.poll(() => other.lines.length - from, { timeout: 60_000 }).toBe(600)
    owner.signal('SIGCONT')
    expect(await isOwner(other)).toBe('is not owner')
    owner.signal('SIGSTOP')
    expect(await isOwner(other)).toBe('is not owner')
    expect(other.lines).not.toContain('is owner')
    await owner.kill()
    await expect.poll(() => isOwner(other), { timeout: 60_000 }).toBe('is owner')
  })

  test('the next follows when the owner lets go', LONG, async () => {
    const [first, second] = [claimant(), claimant()]
    expect(await isOwner(first)).toBe('is owner')
    first.write('release\n')
    await expect.poll(() => isOwner(second), { timeout: 60_000 }).toBe('is owner')
    expect(await isOwner(first)).toBe('is not owner')
  })

  test('one is the owner when all are workers of one Node cluster', LONG, async () => {
    const cluster = claimant(home, [], ['cluster'])
    const said = (): string[] => cluster.lines.filter((line) => line.includes('owner'))
    await expect.poll(() => said().length, { timeout: 60_000 }).toBe(3)
    expect(said().filter((words) => words === 'is owner')).toHaveLength(1)
  })

  test.runIf(IS_LINUX_ROOT)('one is the owner across containers with networks of their own', LONG, async () => {
    const [inside, outside, inAnother] = [
      claimant(home, ['unshare', '-n']),
      claimant(),
      claimant(home, ['unshare', '-n']),
    ]
    expect(await isOwner(inside)).toBe('is owner')
    expect(await isOwner(outside)).toBe('is not owner')
    expect(await isOwner(inAnother)).toBe('is not owner')
    await inside.kill()
    await expect.poll(() => isOwner(inAnother), { timeout: 60_000 }).toBe('is owner')
    expect(await isOwner(outside)).toBe('is not owner')
  })
})

describe('a data directory', () => {
  test('is the same by whatever path it is reached', LONG, async () => {
    openPlace(home).leave()
    const link = join(folder, 'link')
    symlinkSync(home, link)
    const [straight, linked] = [claimant(home), claimant(link)]
    expect(await isOwner(straight)).toBe('is owner')
    expect(await isOwner(linked)).toBe('is not owner')
    if (!IS_LINUX_ROOT) return
    const mount = join(folder, 'mount')
    mkdirSync(mount)
    const mounted = claimant(mount, inMounts(`mount --bind '${home}' '${mount}'`))
    expect(await isOwner(mounted)).toBe('is not owner')
    await straight.kill()
    await expect.poll(() => isOwner(mounted), { timeout: 60_000 }).toBe('is owner')
    expect(await isOwner(linked)).toBe('is not owner')
  })

  test('may have a path that is longer than that of a socket can be', LONG, async () => {
    const long = join(folder, ...Array.from({ length: 8 }, (_, n) => `${n}`.padEnd(40, 'x')))
    const [one, two] = [claimant(long), claimant(long)]
    expect(await isOwner(one)).toBe('is owner')
    expect(await isOwner(two)).toBe('is not owner')
    await one.kill()
    await expect.poll(() => isOwner(two), { timeout: 60_000 }).toBe('is owner')
    expect(numbersIn(long)).toEqual(['owner-2'])
  })

  test('is readable by its user alone, and no part of anybody’s project', () => {
    openPlace(home).leave()
    for (const path of [home, join(home, 'broker')]) expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(existsSync(join(home, '.gitignore'))).toBe(true)
  })

  test('in which other owners left their sockets, or others something of that name, can be owned', LONG, async () => {
    const dead = claimant()
    expect(await isOwner(dead)).toBe('is owner')
    await dead.kill()
    writeFileSync(join(home, 'broker', 'owner-7'), 'no socket')
    writeFileSync(join(home, 'broker', 'claim-00000000'), '')
    const place = openPlace(home)
    const held = await claim(place, systemClock)
    expect(held).toBeDefined()
    expect(numbersIn()).toEqual(['owner-8'])
    held?.release()
    place.leave()
  })

  test('that cannot be written to is refused by name', LONG, async () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => openPlace(join(folder, 'file', 'home'))).toThrow(expect.objectContaining({ code: 'HOME_UNUSABLE' }))
    if (!IS_LINUX_ROOT) return
    openPlace(home).leave()
    const readOnly = `mount --bind '${home}' '${home}' && mount -o remount,bind,ro '${home}'`
    expect(await isOwner(claimant(home, inMounts(readOnly)))).toBe('HOME_UNUSABLE')
  })
})

describe('on a file system that other machines have mounted too', () => {
  let place: Place
  beforeEach(() => {
    const local = openPlace(home)
    place = { ...local, sharedAs: 'NFS' }
  })

  function foreign(): void {
    writeFileSync(join(place.folder, 'owner.json'), JSON.stringify({ pid: 5, host: 'elsewhere', boot: 'another' }))
  }

  test('a directory whose last owner ran elsewhere and did not say that it ended is refused', () => {
    foreign()
    const refused = expect.objectContaining({
      code: 'HOME_OWNED',
      message: expect.stringContaining('process 5 on elsewhere'),
    })
    expect(() => refuseForeignOwner(place)).toThrow(refused)
    expect(() => leaveOwnerRecord(place)).toThrow(refused)
    // On a file system of one machine that was before it was started again.
    const unsay = leaveOwnerRecord({ ...place, sharedAs: undefined })
    expect(() => refuseForeignOwner(place)).not.toThrow()
    unsay()
  })

  test('what is left of an owner of this machine is in nobody’s way, and an end leaves nothing', () => {
    leaveOwnerRecord(place)
    const unsay = leaveOwnerRecord(place)
    refuseForeignOwner(place)
    unsay()
    expect(readdirSync(place.folder)).toEqual([])
    expect(hostname()).not.toBe('elsewhere')
  })
})

test('the owner of a directory that was removed leaves the record of the next one alone', () => {
  const unsay = leaveOwnerRecord(openPlace(home))
  const record = join(home, 'broker', 'owner.json')
  writeFileSync(record, JSON.stringify({ pid: 1, host: 'another', boot: 'one' }))
  unsay()
  expect(existsSync(record)).toBe(true)
})
