/** The rows of the table of errors that only the dashboard has use for. */
export const DASHBOARD_ERRORS = {
  DASHBOARD_UNKNOWN: {
    message: 'Nothing is known here of {what} {name}',
    fix: 'Correct the name; what was heard of long ago makes way for what is new',
  },
  PAGES_MISSING: {
    message: 'The pages of the dashboard were not built',
    fix: 'Run npm run build',
  },
  FILTER_INVALID: {
    message: 'The filter {problem}, at {at}',
    fix: '{fix}',
  },
  LOGIN_NEEDED: {
    message: 'Nobody is let in here without having logged in',
    fix: 'Log in, or send Authorization: Bearer with an API token',
  },
  LOGIN_FAILED: {
    message: 'Name or password is wrong',
    fix: 'Try again; `lovage dashboard --hash-password` makes the hash of a new password',
  },
  LOGIN_WAIT: {
    message: 'Too many wrong passwords were tried',
    fix: 'Try again after {retryAfterS} s',
  },
  ROLE_NEEDED: {
    message: 'For {what} one must have the role {needed}, and yours is {role}',
    fix: 'Ask somebody who has it, or have yours changed where the users of the dashboard are listed',
  },
  JSON_NEEDED: {
    message: 'What changes something here is sent as JSON',
    fix: 'Send it with Content-Type: application/json',
  },
  ACTION_UNKNOWN: {
    message: 'There is no action {action}',
    fix: '{fix}',
  },
  ACTION_REFUSED: {
    message: '{action} {problem}',
    fix: '{fix}',
  },
} as const satisfies Record<string, { message: string; fix: string }>
