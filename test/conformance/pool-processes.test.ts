import { holdPool } from './hold-pool.ts'

holdPool('processes')
