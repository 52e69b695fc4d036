import type { Session } from 'node:inspector'
import type { InspectorLink } from './capture-stack.ts'

type Answered = (result: unknown) => void

interface Told {
  readonly sessionId: string
  readonly message: string
}

interface Attached {
  readonly sessionId: string
  readonly workerInfo: { readonly title: string }
}

/** Opens a line to the inspector of a thread that this thread has started; it need not be able to answer. */
export function inspectThread(Inspector: typeof Session, threadId: number): InspectorLink {
  const session = new Inspector()
  session.connect()
  const answers = new Map<number, Answered>()
  const queued: string[] = []
  let listener: (method: string, params: unknown) => void = () => {}
  let sessionId: string | undefined
  let lastId = 0
  const send = (message: string): void => {
    if (sessionId === undefined) queued.push(message)
    else session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
  }
  session.on('inspectorNotification', (told: unknown) => {
    const { method, params } = told as { method: string; params: unknown }
    if (method === 'NodeWorker.attachedToWorker') {
      const { sessionId: id, workerInfo } = params as Attached
      // Attached to all there are: the title is what says which one it is.
      if (!workerInfo.title.startsWith(`[worker ${threadId}]`))
        return session.post('NodeWorker.detach', { sessionId: id })
      sessionId = id
      for (const message of queued.splice(0)) send(message)
    } else if (method === 'NodeWorker.receivedMessageFromWorker' && (params as Told).sessionId === sessionId) {
      const said = JSON.parse((params as Told).message) as {
        id?: number
        method: string
        params: unknown
        result: unknown
      }
      if (said.id === undefined) return listener(said.method, said.params)
      const answered = answers.get(said.id)
      answers.delete(said.id)
      answered?.(said.result)
    }
  })
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
  return {
    post(method, params, answered) {
      const id = ++lastId
      if (answered) answers.set(id, answered)
      send(JSON.stringify({ id, method, params }))
    },
    listen: (take) => void (listener = take),
    // Takes all that it was attached to with it.
    close: () => session.disconnect(),
  }
}
