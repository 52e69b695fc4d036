import type { GatewayList } from '../../src/dashboard/api.ts'
import { HARMFUL } from './task-facts.ts'

type Route = GatewayList['gateways'][number]['routes'][number]

const route = (method: string, path: string, task: string | null, given: Partial<Route>): Route => ({
  method,
  path,
  task,
  rate: 0,
  inFlight: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  statuses: {},
  refusals: {},
  ...given,
})

export function gateways(now: number): GatewayList {
  return {
    asOfMs: now - 500,
    gateways: [
      {
        name: 'gateway@web-01',
        url: 'http://10.0.0.11:8000',
        status: 'online',
        inFlight: 37,
        routes: [
          route('GET', '/sum/:x/:y', 'shop.add', {
            rate: 211.4,
            inFlight: 4,
            p50Ms: 4.2,
            p95Ms: 11,
            p99Ms: 24,
            statuses: { 200: 812_004, 400: 112 },
          }),
          route('POST', '/orders', 'shop.order', {
            rate: 61,
            inFlight: 21,
            p50Ms: 71,
            p95Ms: 240,
            p99Ms: 1_240,
            statuses: { 200: 190_220, 409: 31, 503: 212, 504: 9 },
            refusals: { DEADLINE_HOPELESS: 180, GATEWAY_BUSY: 32 },
          }),
          route('POST', '/reports', 'reports.year', {
            rate: 0.9,
            p50Ms: 3,
            p95Ms: 5,
            p99Ms: 9,
            statuses: { 202: 812 },
          }),
          route('GET', '/tasks/:id', null, {
            rate: 38,
            inFlight: 12,
            p50Ms: 1.1,
            p95Ms: 2,
            p99Ms: 3.8,
            statuses: { 200: 31_000, 404: 12 },
          }),
          route('GET', '/i_want_you_now', null, {}),
        ],
      },
      {
        name: `gateway@${HARMFUL}`,
        url: null,
        status: 'offline',
        inFlight: 0,
        routes: [route('GET', `/${HARMFUL}`, HARMFUL, { statuses: { 200: 3 }, refusals: { [HARMFUL]: 1 } })],
      },
    ],
  }
}
