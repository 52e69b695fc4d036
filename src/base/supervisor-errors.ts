/** The rows of the table of errors that only the supervisor has use for. */
export const SUPERVISOR_ERRORS = {
  SUPERVISOR_CONFIG_INVALID: {
    message: '{at}: {subject} {problem}',
    fix: '{fix}',
  },
  SUPERVISOR_CONFIG_UNREADABLE: {
    message: 'The configuration {file} cannot be read: {problem}',
    fix: 'Name another with -c, or see that it is there and may be read',
  },
  SUPERVISOR_CANNOT: {
    message: '{what} cannot be had: {problem}',
    fix: '{fix}',
  },
  SUPERVISOR_CANNOT_LISTEN: {
    message: '[{section}] cannot be listened on at {where}: {problem}',
    fix: '{fix}',
  },
  SUPERVISOR_FAULT: {
    message: '{text}',
    fix: '{fix}',
  },
  SUPERVISOR_HOSTS_INVALID: {
    message: '{at}: {subject} {problem}',
    fix: '{fix}',
  },
  SUPERVISOR_REFUSED: {
    message: 'The supervisor at {url} answers {status}',
    fix: '{fix}',
  },
  SUPERVISOR_UNREACHABLE: {
    message: 'The supervisor at {url} does not answer: {problem}',
    fix: 'See that it runs, and that the address is right: -s, or serverurl= in [supervisorctl]',
  },
} as const
