// Sees that every link from one document of the project to another, or to a heading or file of it, leads somewhere.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { capture, ROOT } from './steps.mjs'

/**
 * The anchors of a document, as GitHub makes them from its headings.
 * @param {string} text
 */
export function anchorsOf(text) {
  const counts = new Map()
  const anchors = new Set([...text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)].map((match) => match[1]))
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[`*~]/g, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}

/** @param {string} text */
function withoutFences(text) {
  return text.replace(/^(```+|~~~+)[^]*?^\1/gm, '')
}

/**
 * The targets of the links in a document that lead into the project.
 * @param {string} text
 */
export function linksOf(text) {
  const plain = withoutFences(text).replace(/`[^`\n]*`/g, '')
  const inline = [...plain.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map((match) => match[1] ?? '')
  const defined = [...plain.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/gm)].map((match) => match[1] ?? '')
  const sources = [...plain.matchAll(/\b(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '')
  return [...inline, ...defined, ...sources].filter((target) => !/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target))
}

/**
 * What is wrong with the links of one document.
 * @param {string} path From the project's root.
 * @param {(path: string) => string | undefined} read The text of a file, '' of a folder, undefined where there is none.
 */
export function brokenLinks(path, read) {
  /** @type {string[]} */
  const broken = []
  const text = read(path) ?? ''
  for (const target of linksOf(text)) {
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)))
    const found = to.startsWith('..') ? undefined : read(to)
    if (found === undefined) broken.push(`${path}: ${target} leads nowhere`)
    else if (anchor && to.endsWith('.md') && !anchorsOf(found).has(anchor)) {
      broken.push(`${path}: ${target}: no such heading`)
    }
  }
  return broken
}

/** Checks all documents of the project; resolves to 0 when every link leads somewhere. */
export async function checkLinks() {
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md']
  const listed = await capture('git', args)
  const documents = listed.output.split('\0').filter((path) => path && existsSync(join(ROOT, path)))
  /** @param {string} path */
  const read = (path) => {
    const full = join(ROOT, path)
    if (!existsSync(full)) return undefined
    return path.endsWith('.md') ? readFileSync(full, 'utf8') : ''
  }
  const broken = documents.flatMap((path) => brokenLinks(relative('.', path), read))
  for (const line of broken) console.error(line)
  console.log(`${documents.length} documents, ${broken.length} broken links`)
  return listed.code !== 0 || broken.length > 0 ? 1 : 0
}
