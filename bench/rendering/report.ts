import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/steps.mjs'
import type { Figure } from '../case.ts'
import { CHAPTERS } from './chapters.ts'
import { chartsOf, type Chart } from './charts.ts'
import { aimText, judged, reachedText, spreadText, valueText } from './judged.ts'
import { readResults, type CaseResult, type Results } from './results.ts'
import { aimsChart, middleOf, peersChart, peerShares, type PeerShares } from './summary.ts'
import { capital, groupedBy, table, tablesOf } from './tables.ts'

const INTRO = `Written by \`npm run bench\`; [benchmarks.md](../../docs/benchmarks.md) says against what is measured, and how.

**Only shares are worth reading.** Contenders run in turn, round by round, in one run on one machine; a share is the median over the rounds of Lovage's value over that of the other, with its quartiles. Of rates more is better, of latencies, times and memory less. Rates and times are those of this machine. CPU is what the contender's own processes take for each task, call or request; memory is what they hold in the end (RSS).`

/** Writes README.md and its pictures into `folder`, from the results that it has. */
export function writeReport(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.svg'))) rmSync(join(folder, file))
  const pictures: Pictures = (prefix, charts) =>
    charts
      .map(({ name, alt, svg }) => {
        const file = `${prefix}${name}.svg`
        writeFileSync(join(folder, file), svg)
        return `![${alt}](${file})`
      })
      .join('\n\n')
  const results = readResults(folder)
  const chapters = CHAPTERS.map(({ title, cases }) => ({ title, cases: cases.filter((name) => results[name]) }))
  const known = new Set(CHAPTERS.flatMap(({ cases }) => cases))
  const others = Object.keys(results).filter((name) => !known.has(name))
  const all = [...chapters, { title: 'Other cases', cases: others }].filter(({ cases }) => cases.length > 0)
  const ordered = all.flatMap(({ cases }) => cases.map((name) => [name, results[name] as CaseResult] as const))
  const parts = [
    '# What was measured',
    INTRO,
    all.map(({ title, cases }) => `- ${title}: ${cases.map(linkTo).join(', ')}`).join('\n'),
    beside(ordered, pictures),
    '## Aims',
    aimsOf(ordered, pictures),
    ...all.flatMap(({ title, cases }) => [
      `## ${title}`,
      ...cases.map((name) => caseText(name, results[name] as CaseResult, pictures)),
    ]),
    '## The machine',
    machineOf(results),
  ]
  writeFileSync(join(folder, 'README.md'), `${parts.filter((part) => part !== '').join('\n\n')}\n`)
}

/** Writes pictures whose names begin so; gives the Markdown that shows them. */
type Pictures = (prefix: string, charts: readonly Chart[]) => string

/** How Lovage stands to each of the others, all cases together. */
function beside(ordered: readonly (readonly [string, CaseResult])[], pictures: Pictures): string {
  const figures = ordered.flatMap(([, { rows }]) => rows.flatMap((row) => ('leftOut' in row ? [] : [row])))
  const peers = peerShares(figures)
  if (peers.length === 0) return ''
  return [
    '## Beside each of the others',
    pictures('', peersChart(peers)),
    table<PeerShares>(peers, [
      ['Lovage’s rate, of that of', ({ name }) => name],
      ['measurements', ({ shares }) => String(shares.length), true],
      ['median', ({ shares }) => middleOf(shares).toFixed(2), true],
      ['least', ({ shares }) => (shares[0] as number).toFixed(2), true],
      ['most', ({ shares }) => (shares.at(-1) as number).toFixed(2), true],
    ]),
    'A bare client is what Node and the server can do at most, with nothing that a task queue is for.',
  ].join('\n\n')
}

/** To what a case has measured, further down. */
function linkTo(name: string): string {
  return `[\`${name}\`](#${name})`
}

/** All that is meant to be reached, beside what was. */
function aimsOf(ordered: readonly (readonly [string, CaseResult])[], pictures: Pictures): string {
  const rows = ordered.flatMap(([name, { rows }]) =>
    rows.flatMap((row) => ('leftOut' in row || !row.aim ? [] : [{ name, ...row }])),
  )
  const reached = rows.filter(({ value, aim }) => aim && judged(value, aim).reached)
  const why = rows.filter(({ value, aim }) => aim?.why !== undefined && !judged(value, aim).reached)
  const failed = ordered.filter(([, { failed }]) => failed !== undefined).map(([name]) => `\`${name}\``)
  return [
    `${reached.length} of ${rows.length} are reached.${why.length > 0 ? ' Why not the others stands below the table.' : ''}`,
    failed.length > 0 ? `Not measured, because the case failed: ${failed.join(', ')}.` : '',
    pictures('', aimsChart(rows)),
    table(rows as (Figure & { name: string })[], [
      ['case', ({ name }) => linkTo(name)],
      ['measured', ({ what }) => what],
      ['median', ({ value, unit }) => valueText(value, unit), true],
      ['quartiles', spreadText, true],
      ['aim', aimText],
      ['', reachedText],
    ]),
    [...groupedBy(why, ({ aim }) => aim?.why)]
      .map(([text, missed]) => `- ${missed.map(({ what }) => `**${capital(what)}**`).join('; ')}: ${text}`)
      .join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function caseText(name: string, { rows, failed }: CaseResult, pictures: Pictures): string {
  return [
    `### ${name}`,
    describedBy(name),
    failed === undefined ? '' : `**The last run of this case failed**: ${failed.split('\n', 1)[0]}`,
    pictures(`${name}-`, chartsOf(rows)),
    tablesOf(rows),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** What the case says of itself, above its function. */
function describedBy(name: string): string {
  const file = join(ROOT, 'bench', 'cases', `${name}.ts`)
  if (!existsSync(file)) return ''
  const text = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*const \w+(?:: BenchCase\b| = redisCase\b)/.exec(
    readFileSync(file, 'utf8'),
  )?.[1]
  return (text ?? '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .filter((line) => line !== '')
    .join(' ')
}

function machineOf(results: Results): string {
  const cases = Object.entries(results)
  const told = new Set(cases.map(([, { conditions }]) => machineText(conditions)))
  const seconds = cases.reduce((sum, [, result]) => sum + result.seconds, 0)
  return [
    [...told].map((text) => `- ${text}`).join('\n'),
    `Load is how many processes wanted a core over the minute before, most of them the bench itself. All cases together took ${Math.round(seconds / 60)} minutes.`,
    table(cases, [
      ['case', ([name]) => `\`${name}\``],
      ['seconds', ([, result]) => String(result.seconds), true],
      ['load before', ([, { conditions }]) => conditions.load.toFixed(1), true],
      ['load after', ([, { loadAfter }]) => loadAfter.toFixed(1), true],
    ]),
  ].join('\n\n')
}

function machineText({ cores, memoryGiB, versions }: CaseResult['conditions']): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${cores} cores, ${memoryGiB} GiB; ${named.join(', ')}.`
}
