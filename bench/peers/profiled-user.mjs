// One process of those that a task passes, with a profiler in it. argv: JSON of { role, broker, backend }; roles: `caller`
// sends, `worker` runs, `both` does either in one process, `owner` holds an embedded broker for others. Told over IPC:
// { call: count, window } (tasks sent whose results are waited for), { profile: true } (from now on), { profiled: true }
// (until now); each is answered.
import { Session } from 'node:inspector/promises'
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { answerAll, inFlight } from './serve.mjs'

/** @typedef {import('node:inspector').Profiler.Profile} Profile */

const SAMPLE_US = 250

/** @type {{ role: 'caller' | 'worker' | 'both' | 'owner', broker: string, backend?: string }} */
const { role, broker, backend } = JSON.parse(process.argv[2] ?? '')
const app = lovage('bench', { broker, defaultQueue: 'profile', ...(backend && { backend }) })
const add = app.task('bench.add', (/** @type {number} */ x, /** @type {number} */ y) => x + y)

const session = new Session()
session.connect()
/** @type {Map<string, (result: object) => void>} */
const asked = new Map()
/** @type {string[]} */
const threads = []
session.on('NodeWorker.attachedToWorker', ({ params }) => threads.push(params.sessionId))
session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
  const { id, result } = JSON.parse(params.message)
  asked.get(`${params.sessionId} ${id}`)?.(result)
})
let lastId = 0

/** @param {string} sessionId @param {string} method @param {object} [params] @returns {Promise<any>} */
function askThread(sessionId, method, params) {
  const id = ++lastId
  const message = JSON.stringify({ id, method, params })
  return new Promise((resolve, reject) => {
    asked.set(`${sessionId} ${id}`, resolve)
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message }).catch(reject)
  })
}

async function profile() {
  if (role === 'owner') await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  await session.post('Profiler.start')
  for (const thread of threads) {
    await askThread(thread, 'Profiler.enable')
    await askThread(thread, 'Profiler.setSamplingInterval', { interval: SAMPLE_US })
    await askThread(thread, 'Profiler.start')
  }
}

/** Of each thread that runs JavaScript. */
async function profiled() {
  const profiles = [(await session.post('Profiler.stop')).profile]
  for (const thread of threads) profiles.push((await askThread(thread, 'Profiler.stop')).profile)
  return profiles
}

/** @param {{ call?: number, window?: number, profile?: boolean, profiled?: boolean }} message */
async function did({ call, window = 1, profile: begin, profiled: end }) {
  if (call !== undefined) await inFlight(call, window, () => add.delay(2, 3).get())
  else if (begin) await profile()
  else if (end) return { profiles: await profiled() }
  return {}
}

if (role === 'caller' || role === 'owner') await app.client()
else await worker(app, { concurrency: 1_000 }).start()
answerAll(did)
