import type { ActionName } from '../../src/dashboard/action-api.ts'
import { may } from '../live/fetching.ts'
import { FOR_ADMINS } from './action-roles.ts'

/** Whether who looks may do this: what they may not is not offered. The server asks again. */
export const mayAct = (action: ActionName): boolean => may(FOR_ADMINS.includes(action) ? 'admin' : 'operate')
