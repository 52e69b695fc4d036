// Brings RabbitMQ, Redis, Python's Celery and what else the tests use onto a Debian machine, with nothing started by it.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { hasService, packagesFor, SERVICES } from './services.mjs'
import { run } from './steps.mjs'

/** Packages of daemons start them when installed, unless this says 101. */
const POLICY = '/usr/sbin/policy-rc.d'

/** Whether we may install packages here by ourselves: as root, on Debian, and not told otherwise. */
export function mayInstall() {
  return (
    process.env['LOVAGE_TEST_INSTALL'] !== 'no' &&
    process.getuid?.() === 0 &&
    existsSync('/etc/debian_version') &&
    existsSync('/usr/bin/apt-get')
  )
}

/**
 * The one line that installs what is missing, by hand.
 * @param {readonly import('./services.mjs').Need[]} missing
 */
export function installLine(missing) {
  return `sudo apt-get install -y --no-install-recommends ${packagesFor(missing).join(' ')}`
}

/**
 * Installs what is missing; true when it is all there afterwards.
 * @param {readonly import('./services.mjs').Need[]} missing
 */
export async function install(missing) {
  console.log('This machine lacks services that the tests use. As root on Debian, they are installed now by apt-get:')
  for (const need of missing) console.log(`  ${SERVICES[need].packages.join(', ')}: ${SERVICES[need].why}`)
  console.log('No service of the system is started. LOVAGE_TEST_INSTALL=no prevents the installation.\n')
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-o', 'DPkg::Lock::Timeout=300']
  const ours = !existsSync(POLICY)
  const remove = () => {
    if (ours) rmSync(POLICY, { force: true })
  }
  const interrupted = () => {
    remove()
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    if ((await run('apt-get', [...lock, 'update'], { env })) !== 0) return false
    const packages = packagesFor(missing)
    const code = await run('apt-get', [...lock, 'install', '-y', '--no-install-recommends', ...packages], { env })
    return code === 0 && missing.every(hasService)
  } finally {
    remove()
    process.removeListener('SIGINT', interrupted)
    process.removeListener('SIGTERM', interrupted)
  }
}
