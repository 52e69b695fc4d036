import { holdPool } from './hold-pool.ts'

holdPool('threads')
