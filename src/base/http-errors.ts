/** The rows of the table of errors that only an HTTP server has use for. */
export const HTTP_ERRORS = {
  BODY_INVALID: {
    message: 'The request body is not valid {expected}: {problem}',
    fix: 'Send a body that matches its Content-Type',
  },
  BODY_TOO_LARGE: {
    message: 'The request body is larger than {limit} bytes',
    fix: 'Send less, or raise bodyLimit of the gateway',
  },
  HOST_REFUSED: {
    message: 'Host {host} is not on the allow-list',
    fix: 'Add it to allowedHosts of the gateway or the dashboard',
  },
  ORIGIN_REFUSED: {
    message: 'A page of origin {origin} may not send this',
    fix: 'Add the origin to allowedOrigins of the gateway, if its pages may act here',
  },
  REQUEST_INVALID: {
    message: 'The request is not valid HTTP: {problem}',
    fix: 'See what the client sends',
  },
  HEADER_INVALID: {
    message: 'Header {header} {problem}',
    fix: '{fix}',
  },
  JOIN_MISMATCH: {
    message: 'The key of this request was used with another request before',
    fix: 'Send a key of its own with each request, and the same one with its retries only',
  },
  DEADLINE_UNREACHABLE: {
    message: 'Task {task} cannot be done within {leftMs} ms now',
    fix: 'Come again after {retryAfterS} s, or add workers',
  },
  LIMIT_REACHED: {
    message: 'As many requests as may be are in flight here: {limit}',
    fix: 'Come again after {retryAfterS} s, or raise limit.concurrency of the route',
  },
  RATE_REACHED: {
    message: 'More than {limit} requests in {windowS} s',
    fix: 'Come again after {retryAfterS} s, or raise limit.rate of the route',
  },
  REQUEST_TIMEOUT: {
    message: 'The request did not arrive whole in time',
    fix: 'Send it faster, or raise headersTimeout and requestTimeout of the gateway',
  },
  HEADERS_TOO_LARGE: {
    message: 'The request headers are larger than {limit} bytes',
    fix: 'Send less, or raise maxHeaderSize of the gateway',
  },
  URL_INVALID: {
    message: 'The path of the request is not valid: {problem}',
    fix: 'Send a path that begins with / and whose escapes are UTF-8',
  },
  URL_TOO_LONG: {
    message: 'The path of the request is longer than {limit} bytes',
    fix: 'Send the data in the body, or raise maxUrlLength of the gateway',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    message: 'A body of type {contentType} is not read here',
    fix: "Send JSON, a form, text, XML or application/octet-stream; or give the route body: 'raw'",
  },
  ROUTE_UNKNOWN: {
    message: 'There is no {method} {path}',
    fix: 'Bind a route to it, or correct the request',
  },
  METHOD_NOT_ALLOWED: {
    message: '{path} does not take {method}',
    fix: 'Use one of its methods: {allow}',
  },
  HANDLER_FAILED: {
    message: 'The code behind {route} failed: {problem}',
    fix: 'Mend the function that the route was given; the log has where it failed',
  },
  CLIENT_GONE: {
    message: 'The client hung up before it was answered',
    fix: 'Nothing here; if it happens often, the client waits for less time than the tasks take',
  },
  RESULT_UNKNOWN: {
    message: 'Nothing is known of task {id}',
    fix: 'Ask sooner; where there are several gateways, give them a store',
  },
  READERS_TOO_MANY: {
    message: '{readers} clients read events of tasks here, and no more may',
    fix: 'Come again later or to another gateway, or raise maxReaders of the gateway',
  },
  TASK_ENDED: {
    message: 'Task {id} has ended as {state}, and cannot be revoked any more',
    fix: 'Read its result',
  },
  GATEWAY_STOPPING: {
    message: 'The gateway is stopping and takes no new requests',
    fix: 'Send it again: to another gateway, or in a moment',
  },
  LISTEN_FAILED: {
    message: 'Cannot listen on {host} port {port}: {problem}',
    fix: 'Use a host of this machine, and a port that this user may open',
  },
  OVERLOADED: {
    message: '{inFlight} requests are in flight, the limit',
    fix: 'Try again later, raise maxInFlight, or add workers',
  },
} as const satisfies Record<string, { message: string; fix: string }>
