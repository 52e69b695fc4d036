import { describe, expect, it } from 'vitest'
import { anchorsOf, brokenLinks, linksOf } from '../../scripts/links.mjs'

const files: Record<string, string> = {
  'README.md': 'see [errors](docs/errors.md#unroutable), [top](#the-top), [web](https://example.org)\n# The top',
  'docs/errors.md': '# Errors\n\n## UNROUTABLE\n\nback [up](../README.md), [picture](pictures/flow.svg)',
  'docs/pictures/flow.svg': '',
}
const read = (path: string): string | undefined => files[path]

describe('the links of a document', () => {
  it('lead somewhere', () => {
    expect(brokenLinks('README.md', read)).toEqual([])
    expect(brokenLinks('docs/errors.md', read)).toEqual([])
  })

  it.each([
    ['[a](nowhere.md)', 'nowhere.md leads nowhere'],
    ['[a](docs/errors.md#routable)', 'docs/errors.md#routable: no such heading'],
    ['[a](#missing)', '#missing: no such heading'],
    ['<img src="docs/none.svg">', 'docs/none.svg leads nowhere'],
    ['[a]: docs/none.md', 'docs/none.md leads nowhere'],
    ['[a](../outside.md)', '../outside.md leads nowhere'],
  ])('%s is found to be broken', (text, problem) => {
    expect(brokenLinks('x.md', (path) => (path === 'x.md' ? text : read(path)))).toEqual([`x.md: ${problem}`])
  })

  it('are not looked for in code', () => {
    expect(linksOf('`[a](b.md)` and\n```md\n[a](c.md)\n```\n[a](d.md)')).toEqual(['d.md'])
  })

  it('meet headings as GitHub names them', () => {
    const text = '# What *must* hold?\n## `code` & more\n## Twice\n## Twice\n```\n# no heading\n```'
    expect([...anchorsOf(text)]).toEqual(['what-must-hold', 'code--more', 'twice', 'twice-1'])
  })
})
