import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { buildPages } from './browser.ts'

const MOST_SCRIPT = 60_000
const MOST_STYLE = 12_000

describe('the pages, as they are built', () => {
  const folder = temporaryFolder()
  let page = ''
  const weight = (path: string): number => gzipSync(readFileSync(join(folder, path))).length
  const named = (pattern: RegExp): string[] => [...page.matchAll(pattern)].map((match) => match[1] ?? '')

  beforeAll(async () => {
    await buildPages(folder)
    page = readFileSync(join(folder, 'index.html'), 'utf8')
  }, 180_000)

  it('weigh little before the first of them is seen', () => {
    const scripts = named(/(?:src|href)="(\/[^"]+\.js)"/g)
    expect(scripts.length).toBeGreaterThan(0)
    expect(scripts.reduce((sum, path) => sum + weight(path), 0)).toBeLessThan(MOST_SCRIPT)
  })

  it('have styles that weigh little, all of them together', () => {
    const styles = readdirSync(join(folder, 'assets')).filter((name) => name.endsWith('.css'))
    expect(styles.reduce((sum, name) => sum + weight(`assets/${name}`), 0)).toBeLessThan(MOST_STYLE)
  })

  it('stand under a policy that allows neither script nor style in the page, and name no other host', () => {
    expect(page).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc=)/)
    expect(page).not.toMatch(/https?:/)
  })

  it('have names that change with what is in them', () => {
    for (const path of named(/(?:src|href)="([^"]+)"/g)) expect(path).toMatch(/^\/assets\/.+-[\w-]{8}\.(js|css|svg)$/)
  })
})
