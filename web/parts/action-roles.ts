import type { ActionName } from '../../src/dashboard/action-api.ts'

/**
 * What only admins are offered; everything else that changes something is for operators too. The server has the table that
 * decides, and a test holds the two together.
 */
export const FOR_ADMINS: readonly ActionName[] = ['worker-shutdown', 'queue-purge', 'queue-delete', 'dead-drop']
