/** What Flower answers beside its pages: its API, and the metrics. */
const PATHS =
  /^\/(?:metrics|api\/(?:workers|worker\/.+|tasks|task\/(?:types|(?:info|result|apply|async-apply|send-task|abort|timeout|rate-limit|revoke)\/.+)|queues\/length))\/?$/

/** Whether a path is one of Flower's, which answers in Flower's words. */
export function isOfFlower(path: string): boolean {
  return PATHS.test(path)
}
