// What the tests need from the machine, and whether it is there.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** @typedef {'rabbitmq' | 'redis' | 'celery' | 'openssl' | 'nginx' | 'supervisor' | 'chromium'} Need */

/**
 * @typedef {object} Service
 * @property {string} what What it is, for people.
 * @property {string} why What is tested with it.
 * @property {readonly string[]} packages Debian's names.
 */

/** @type {Readonly<Record<Need, Service>>} */
export const SERVICES = {
  rabbitmq: {
    what: 'RabbitMQ server',
    why: 'the amqp broker is tested against a real one, started privately for each run',
    packages: ['rabbitmq-server'],
  },
  redis: {
    what: 'Redis server',
    why: 'what speaks to Redis is tested against a real one, started privately for each run',
    packages: ['redis-server'],
  },
  celery: {
    what: 'Python Celery',
    why: 'a real Celery sits on the other side of the wire',
    packages: ['python3-celery', 'python3-redis', 'python3-msgpack', 'python3-brotli', 'python3-zstandard'],
  },
  openssl: {
    what: 'openssl',
    why: 'it makes the certificates with which connections over TLS are tested',
    packages: ['openssl'],
  },
  nginx: {
    what: 'nginx',
    why: 'gateways stand behind it, as they do in production',
    packages: ['nginx-light'],
  },
  supervisor: {
    what: 'supervisord',
    why: 'its supervisorctl drives our supervisor, and our commands drive it',
    packages: ['supervisor'],
  },
  chromium: {
    what: 'Chromium',
    why: "the dashboard's pages are opened, looked at and pressed",
    packages: ['chromium'],
  },
}

/** @type {readonly Need[]} */
export const NEEDS = ['rabbitmq', 'redis', 'celery', 'openssl', 'nginx', 'supervisor', 'chromium']

/** The folder of RabbitMQ's own scripts; the one on the PATH changes user and directory. */
const RABBITMQ_FOLDERS = [
  process.env['RABBITMQ_HOME'] && join(process.env['RABBITMQ_HOME'], 'sbin'),
  '/usr/lib/rabbitmq/bin',
]

/**
 * The first file of that name on the PATH, or in the folders where daemons live.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findCommand(name) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/bin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * The folder with `rabbitmq-server` and `rabbitmqctl`, where both it and Erlang's `epmd` are there.
 * @returns {string | undefined}
 */
export function findRabbitmq() {
  if (!findCommand('epmd')) return undefined
  return RABBITMQ_FOLDERS.find((folder) => folder && existsSync(join(folder, 'rabbitmq-server'))) || undefined
}

const PYTHON = '/usr/bin/python3'
const PYTHON_PACKAGES = '/usr/lib/python3/dist-packages'

/** @type {Readonly<Record<Need, () => boolean>>} */
const PROBES = {
  rabbitmq: () => findRabbitmq() !== undefined,
  redis: () => findCommand('redis-server') !== undefined,
  celery: () =>
    existsSync(PYTHON) &&
    ['celery/__init__.py', 'redis/__init__.py', 'msgpack/__init__.py', 'brotli.py', 'zstandard/__init__.py'].every(
      (file) => existsSync(join(PYTHON_PACKAGES, file)),
    ),
  openssl: () => findCommand('openssl') !== undefined,
  nginx: () => findCommand('nginx') !== undefined,
  supervisor: () => findCommand('supervisord') !== undefined && findCommand('supervisorctl') !== undefined,
  chromium: () => findCommand('chromium') !== undefined,
}

/**
 * Whether the machine has it.
 * @param {Need} need
 * @returns {boolean}
 */
export function hasService(need) {
  return PROBES[need]()
}

/**
 * The Debian packages that bring what is missing.
 * @param {readonly Need[]} needs
 * @returns {string[]}
 */
export function packagesFor(needs) {
  return [...new Set(needs.flatMap((need) => SERVICES[need].packages))]
}
