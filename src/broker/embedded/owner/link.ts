import { linkSync } from 'node:fs'

/** Gives a file one more name; false when that is taken. Of those who try at the same time one does it, on any machine. */
export function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
