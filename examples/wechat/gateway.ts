import { gateway, respond, type RouteRequest } from 'lovage/gateway'
import { isFromWechat, readMessage, writeAnswer, type Incoming } from './messages.ts'
import { account, answer, app, attemptsOf, claim } from './tasks.ts'

/** A message that was read, and which of its attempts this request is: 1 is the first. */
interface Pushed {
  readonly message: Incoming
  readonly attempt: number
}

/** Each message is read once. */
const pushes = new WeakMap<object, Pushed>()
const pushOf = (request: object): Pushed => pushes.get(request) as Pushed

/** WeChat hangs up after 5 s and tries again, three times in all. */
const ATTEMPTS = 3

/** Looks at a request before anything is done for it: only the token makes the signature. */
async function guard(request: RouteRequest): Promise<unknown> {
  const { query, body } = request
  if (!isFromWechat(account, query)) return respond(403, 'not signed by WeChat')
  let message: Incoming
  try {
    message = readMessage(account, query, String(body ?? ''))
  } catch (error) {
    return respond(400, error instanceof Error ? error.message : 'no message')
  }
  pushes.set(request, { message, attempt: await attemptsOf(message.key, String(query['signature'])) })
  return undefined
}

/** No answer yet. WeChat is let hang up, because it tries again; the last attempt is told that all is well. */
async function late({ request }: { request: RouteRequest }): Promise<unknown> {
  if (pushOf(request).attempt < ATTEMPTS) await goneOrTired(request.signal)
  return 'success'
}

/** Resolves when the client has hung up, or should have long ago. */
function goneOrTired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 3_000)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

export default gateway(app)
  // When the URL is entered on WeChat's page, it must be given back what it sends.
  .handle('GET', '/wechat', ({ query }) =>
    isFromWechat(account, query) ? String(query['echostr'] ?? '') : respond(403, 'not signed by WeChat'),
  )
  .post('/wechat', answer, {
    guard,
    // All attempts of a message are one task; the one that is open when it ends is answered.
    join: { key: (request) => pushOf(request).message.key, ttl: '1m' },
    args: (request) => [{ ...pushOf(request).message, arrivedMs: Date.now() }],
    timeout: '4.5s',
    // Nobody waits after 15 s, and the answer is still wanted.
    deadline: false,
    response: async (text, { request }) => {
      const { message } = pushOf(request)
      if (!(await claim(message.key, 'response'))) return 'success'
      return writeAnswer(account, message, text, Math.floor(Date.now() / 1_000))
    },
    late,
    contentType: 'text/xml; charset=utf-8',
  })
