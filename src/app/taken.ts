import type { Expectation } from '../backend/backend.ts'

/**
 * Resolves when the broker has confirmed the message, or when something is heard of its task, which proves as much: a
 * confirmation waits for the disk, or for the worker's acknowledgement, and comes behind the result of a quick task.
 */
export function taken(published: Promise<void>, expectation: Expectation): Promise<void> {
  return new Promise((resolve, reject) => {
    expectation.onFirst(resolve)
    published.then(resolve, reject)
  })
}
