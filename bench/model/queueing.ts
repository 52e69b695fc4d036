/**
 * The share of arrivals that find all `servers` busy (Erlang's C formula), for a load in units of one server. 1 where the
 * servers cannot keep up.
 */
export function erlangC(servers: number, load: number): number {
  if (load <= 0) return 0
  if (load >= servers) return 1
  // Erlang's B by its recurrence, which overflows nowhere; C follows from it.
  let blocked = 1
  for (let i = 1; i <= servers; i++) blocked = (load * blocked) / (i + load * blocked)
  const free = 1 - load / servers
  return blocked / (free + (load / servers) * blocked)
}

/**
 * Mean time from arrival to the end of service with `servers` in parallel (M/M/c), in the unit of `serviceTime`; `Infinity`
 * where they cannot keep up.
 */
export function sojourn(servers: number, serviceTime: number, arrivalsPerTime: number): number {
  const load = arrivalsPerTime * serviceTime
  if (load >= servers) return Infinity
  return serviceTime + (erlangC(servers, load) * serviceTime) / (servers - load)
}
