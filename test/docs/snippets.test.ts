import { beforeAll, expect, test } from 'vitest'
import { documents, type Snippet, snippetsOf, typeCheck } from './snippets.ts'

const snippets = documents().flatMap((document) => snippetsOf(document))
let complaints: Map<Snippet, string[]>

beforeAll(async () => {
  complaints = await typeCheck(snippets)
})

test('there are snippets to check', () => {
  expect(snippets.length).toBeGreaterThan(5)
})

test.each(snippets.map((snippet) => [`${snippet.document}:${snippet.line}`, snippet] as const))(
  'the snippet at %s compiles',
  (_, snippet) => {
    expect(complaints.get(snippet)).toEqual([])
  },
)

test('a snippet that does not compile is found, with its line in the document', async () => {
  const text =
    "# One\n\n```ts tasks.ts\nexport const x = 1\n```\n\n```ts\nimport { x } from './tasks.ts'\n\nx.y()\n```\n"
  const planted = snippetsOf('docs/planted.md', text)
  const found = await typeCheck(planted)
  expect(planted.map((snippet) => [snippet.name, snippet.line])).toEqual([
    ['tasks.ts', 4],
    [undefined, 8],
  ])
  expect([...found.values()]).toEqual([[], [expect.stringMatching(/^docs\/planted\.md:10: .*'y' does not exist/)]])
})
