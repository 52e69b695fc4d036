import { sourcePosition } from './source-position.ts'

/** A line to the inspector of one thread. */
export interface InspectorLink {
  post(method: string, params: object, answered?: (result: unknown) => void): void
  /** Calls `take` with what the inspector tells unasked. */
  listen(take: (method: string, params: unknown) => void): void
  close(): void
}

/** Where a thread was when it was looked at. */
export interface CapturedStack {
  /** Innermost first, as V8 writes stacks: `name (file:line:column)`. */
  readonly frames: readonly string[]
  /** `file:line:column` of the innermost frame that is not Node's own; undefined where there is none. */
  readonly at: string | undefined
  /** What the expression came to. */
  readonly value: unknown
}

const MAX_FRAMES = 20

interface Script {
  readonly scriptId: string
  readonly url: string
  readonly sourceMapURL?: string
}

interface Paused {
  readonly callFrames: readonly {
    readonly callFrameId: string
    readonly functionName: string
    readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number }
  }[]
}

/**
 * Stops a thread for a moment, whatever it is busy with, and says where it is. JavaScript, regular expressions and
 * `Atomics.wait` can be stopped; a call of native code only when it returns. Nothing of the inspector is on afterwards.
 * @param expression evaluated in the thread, where it is
 * @param onPaused called when it stands still
 */
export function captureStack(
  link: InspectorLink,
  expression: string,
  onPaused: () => void,
  take: (stack: CapturedStack) => void,
): void {
  const scripts = new Map<string, Script>()
  let isPaused = false
  link.listen((method, params) => {
    if (method === 'Debugger.scriptParsed') scripts.set((params as Script).scriptId, params as Script)
    if (method !== 'Debugger.paused' || isPaused) return
    isPaused = true
    onPaused()
    const { callFrames } = params as Paused
    const evaluation = { callFrameId: callFrames[0]?.callFrameId, expression, returnByValue: true, silent: true }
    link.post('Debugger.evaluateOnCallFrame', evaluation, (result) => {
      // Before anything else: the thread stands still until then.
      link.post('Debugger.resume', {}, () => {
        link.close()
        take(stackOf(callFrames, scripts, result))
      })
    })
  })
  link.post('Debugger.enable', {})
  link.post('Debugger.pause', {})
}

function stackOf(
  callFrames: Paused['callFrames'],
  scripts: ReadonlyMap<string, Script>,
  result: unknown,
): CapturedStack {
  let at: string | undefined
  const frames = callFrames.slice(0, MAX_FRAMES).map(({ functionName, location }) => {
    const { url = '', sourceMapURL = '' } = scripts.get(location.scriptId) ?? {}
    const position = sourcePosition(url, sourceMapURL, location.lineNumber, location.columnNumber ?? 0)
    if (at === undefined && url !== '' && !url.startsWith('node:')) at = position
    return `${functionName || '<anonymous>'} (${position})`
  })
  return { frames, at, value: (result as { result?: { value?: unknown } } | undefined)?.result?.value }
}
