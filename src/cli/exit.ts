/** What the exit code of `lovage` says. docs/guide-cli.md lists them. */
export const EXIT = {
  /** Done; a service was stopped and ended what it had begun. */
  done: 0,
  /** It did not work, or `doctor` found something wrong. The output says what and what to do next. */
  failed: 1,
  /** The command line is wrong: nothing was tried. */
  usage: 2,
  /** `call`, `result`: the task itself ended in FAILURE or REVOKED. */
  taskFailed: 3,
  /** `call`, `result`: no result so far. */
  noResult: 4,
  /** `inspect`, `control`, `status`: no worker answered. Celery's `EX_UNAVAILABLE`. */
  nobody: 69,
  /** Stopped by a second signal before everything was ended: 128 + the number of SIGINT. */
  interrupted: 130,
} as const

/**
 * Ends the process when what was written is out. User modules may hold timers and sockets that would keep it alive for
 * ever.
 */
export function leave(code: number): Promise<never> {
  return new Promise(() => {
    process.stderr.write('', () => process.stdout.write('', () => process.exit(code)))
  })
}
