import type { Command } from './command.ts'
import { HASH_COMMANDS } from './hash-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { LIST_COMMANDS } from './list-commands.ts'
import { CommandError } from './reply.ts'
import { SET_COMMANDS } from './set-commands.ts'
import { SORTED_SET_COMMANDS } from './sorted-set-commands.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ ...KEY_COMMANDS, ...LIST_COMMANDS, ...HASH_COMMANDS, ...SET_COMMANDS, ...SORTED_SET_COMMANDS }),
)

/** The command of a name in capitals; undefined where it is none that looks at keys. @throws CommandError */
export function commandOf(name: string, args: readonly string[]): Command | undefined {
  const command = COMMANDS.get(name)
  if (command && (args.length < command.least || args.length > command.most)) {
    throw new CommandError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`)
  }
  return command
}
