/** Deepest nesting of lists and objects that is read or written. Python gives up at about 1,000. */
export const MAX_DEPTH = 512

/** Most digits of an integer that is read or written: Python's own limit. */
export const MAX_DIGITS = 4300
