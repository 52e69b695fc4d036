import { describe, expect, it } from 'vitest'
import { documents, runSnippet, snippetsOf, typeErrors } from './snippets.ts'

const found = documents().flatMap(({ path, text }) => snippetsOf(path, text))

/** Longer than a program may take. */
const LONG = { timeout: 150_000 }

/** Fences inside of this file's own texts would end them. */
const fence = '```'

describe('the TypeScript in the documents', () => {
  it('is found', () => {
    expect(found.map(({ document }) => document)).toContain('docs/errors.md')
  })

  it('has the right types', LONG, async () => {
    expect(await typeErrors(found)).toEqual([])
  })

  const running = found.filter(({ run }) => run)
  it.each(running.map((snippet) => [`${snippet.document}:${snippet.line}`, snippet] as const))(
    'runs: %s',
    LONG,
    async (_name, snippet) => {
      const printed = await runSnippet(
        snippet,
        found.filter(({ document }) => document === snippet.document),
      )
      expect(printed).toBe(snippet.output ?? printed)
    },
  )
})

describe('a document with snippets', () => {
  const text = [
    '# Title',
    `${fence}ts`,
    "import { twice } from './twice.ts'",
    'const four: string = twice(2)',
    fence,
    `${fence}sh`,
    'not typescript',
    fence,
    `${fence}ts name=twice.ts`,
    'export const twice = (n: number) => n * 2',
    fence,
    `${fence}ts run`,
    "import { twice } from './twice.ts'",
    'console.log(twice(4))',
    fence,
    `${fence}text output`,
    '8',
    fence,
    `${fence}ts run`,
    "throw new Error('broken')",
    fence,
  ].join('\n')
  const snippets = snippetsOf('docs/planted.md', text)

  it('is taken apart by its fences', () => {
    expect(snippets.map(({ line, run, file, output }) => [line, run, file, output])).toEqual([
      [3, false, 'planted.md-3.ts', undefined],
      [10, false, 'twice.ts', undefined],
      [13, true, 'planted.md-13.ts', '8\n'],
      [20, true, 'planted.md-20.ts', undefined],
    ])
  })

  it('has its type errors told with its own lines', LONG, async () => {
    expect(await typeErrors(snippets)).toEqual([expect.stringMatching(/^docs\/planted\.md:4: error TS2322/)])
  })

  it('has its running snippets run, and told when they fail', LONG, async () => {
    expect(await runSnippet(snippets[2] as (typeof snippets)[0], snippets)).toBe('8\n')
    await expect(runSnippet(snippets[3] as (typeof snippets)[0], snippets)).rejects.toThrow(
      /docs\/planted\.md:20 ended with code 1:[^]*broken/,
    )
  })
})
