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
} as const satisfies Record<string, { message: string; fix: string }>
