import type { HostSource, ScheduleSource } from '../../src/dashboard/sources.ts'

/** What was asked of schedules and hosts. */
export const asked: string[] = []
export const schedules: ScheduleSource = {
  list: async () => [],
  next: async () => [],
  pause: async (name) => void asked.push(`pause ${name}`),
  resume: async (name) => void asked.push(`resume ${name}`),
  run: async (name) => void asked.push(`run ${name}`),
}

/** A host whose process `bad` does not start, and `slow` waits to be let. */
export const lets: (() => void)[] = []
export const hosts: HostSource = {
  hosts: [{ name: 'web-01', tags: [] }],
  status: async () => [],
  async *run(verb, [name = '']) {
    asked.push(`${verb} ${name}`)
    if (name.endsWith(':slow')) await new Promise<void>((resolve) => lets.push(resolve))
    yield {
      host: 'web-01',
      name,
      text: name.endsWith(':bad') ? 'ERROR (spawn error)' : `${verb}ed`,
      isError: name.endsWith(':bad'),
    }
  },
  tail: async (_host, process, channel, offset, length) => {
    const log = Buffer.from(`${process} ${channel}\npassword=hunter2\n<script>alert(1)</script>\n`)
    const from = Math.min(log.length, Math.max(offset, log.length - length))
    return { text: log.subarray(from).toString(), offset: log.length, overflow: log.length > offset + length }
  },
}
