/** Settings of an application whose servers share a busy machine: what answers late is no failure. */
export const PATIENT = { publishTimeout: '60s', connectTimeout: '60s' } as const

/** The same of a broker. */
export const PATIENT_BROKER = { publishTimeoutMs: 60_000, connectTimeoutMs: 60_000 } as const
