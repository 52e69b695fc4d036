import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findRabbitmq } from '../../scripts/services.mjs'
import { runChild } from '../../test/services/child.ts'

/**
 * What an expression of Erlang is worth in the RabbitMQ that is process `pid`, which this project has started. It must come
 * to a map or a list of what JSON has.
 */
export async function valueIn<Value>(pid: number, expression: string): Promise<Value> {
  const bin = findRabbitmq()
  if (!bin) throw new Error('there is no rabbitmqctl on this machine')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-erlang-'))
  try {
    const file = join(folder, 'value.json')
    const told = `file:write_file("${file}", rabbit_json:encode(begin ${expression} end)).`
    await runChild(join(bin, 'rabbitmqctl'), ['--quiet', 'eval', told], {
      cwd: folder,
      env: environmentOf(pid),
      name: 'rabbitmqctl eval',
    })
    return JSON.parse(readFileSync(file, 'utf8')) as Value
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How the node was started, which is how it is spoken to. */
function environmentOf(pid: number): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  return Object.fromEntries(pairs.filter(([name]) => /^(HOME|RABBITMQ_.+|ERL_EPMD_.+)$/.test(name)))
}
