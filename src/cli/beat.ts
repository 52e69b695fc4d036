import { Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import { printBanner } from './banner.ts'
import { chosenBeat } from './beat-choice.ts'
import { entryCommands } from './beat-entries.ts'
import { OF_BEAT, refuseCeleryOptions, refusedOptions } from './celery-options.ts'
import { addServiceOptions, newCommand, optionsOf, wait, type ServiceOptions } from './command-options.ts'
import { runService } from './run-service.ts'
import { loadTarget } from './target.ts'

interface BeatFlags extends ServiceOptions {
  /** Milliseconds. */
  readonly maxInterval?: number
}

export function command(): Command {
  const description =
    'Sends tasks on time. Any number may run: each tick is sent once. SIGINT or SIGTERM: ends what is being sent, goes with exit code 0; others go on.'
  const made = addServiceOptions(
    newCommand('beat', description, [
      'lovage beat',
      'lovage beat -A beat.ts',
      'lovage beat list',
      'lovage beat next 10',
      'lovage beat pause nightly',
    ]),
  )
    .argument('[name]', 'name of a beat in the configuration')
    .addOption(
      new Option('--max-interval <time>', 'look at all entries that often at least (default: 1m)').argParser(wait),
    )
    .action((name: string | undefined, _options, self: Command) => {
      refuseCeleryOptions(self, OF_BEAT)
      return run(name, optionsOf<BeatFlags>(self), self)
    })
  for (const option of refusedOptions(OF_BEAT)) made.addOption(option)
  for (const each of entryCommands()) made.addCommand(each)
  return made
}

async function run(name: string | undefined, flags: BeatFlags, self: Command): Promise<void> {
  await runService(flags, async () => {
    const target = await loadTarget(flags, { beats: true })
    const { app } = target
    assertShared(app.settings, 'A beat by itself', 'Use `lovage dev`, which runs all in one process')
    const beat = chosenBeat(target, name, self)
    if (flags.maxInterval !== undefined) beat.lookEvery(flags.maxInterval)
    return {
      start: () => beat.start(),
      announce: () => printBanner(target, { beats: [beat] }),
      stop: async () => {
        await beat.stop()
        await app.close()
      },
    }
  })
}
