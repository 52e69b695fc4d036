import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

/** A file of the pages, as it is sent. */
export interface WebFile {
  readonly type: string
  readonly etag: string
  readonly bytes: Buffer
  /** Undefined: it would not be smaller. */
  readonly gzip: Buffer | undefined
  /** Its name changes with what is in it. */
  readonly isImmutable: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** As Vite names what it has bundled. */
const HASHED = /^\/assets\/.+-[\w-]{8}\.\w+$/

/** Larger files than this are none of ours. */
const MOST_BYTES = 8 * 2 ** 20

/**
 * The pages, as they were built. Which paths there are is known before anybody asks, so that no request can name another
 * file; each is read and packed when it is first asked for.
 */
export class WebFiles {
  readonly #folder: string
  readonly #paths: ReadonlySet<string>
  readonly #read = new Map<string, WebFile>()

  constructor(folder: string = builtFolder()) {
    this.#folder = folder
    this.#paths = new Set(existsSync(folder) ? filesIn(folder) : [])
  }

  /** False: the pages were not built. */
  get isThere(): boolean {
    return this.#paths.has('/index.html')
  }

  /** Undefined: there is no such file. */
  get(path: string): WebFile | undefined {
    const known = this.#read.get(path)
    if (known || !this.#paths.has(path)) return known
    const bytes = readFileSync(join(this.#folder, path))
    const gzip = gzipSync(bytes)
    const file: WebFile = {
      type: TYPES[extname(path)] ?? 'application/octet-stream',
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
      bytes,
      gzip: gzip.length < bytes.length ? gzip : undefined,
      isImmutable: HASHED.test(path),
    }
    this.#read.set(path, file)
    return file
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => {
      const stat = statSync(join(folder, name))
      return stat.isFile() && stat.size <= MOST_BYTES && !name.endsWith('.map')
    })
    .map((name) => `/${name.replaceAll('\\', '/')}`)
}

/** Beside this file where it is built; run from its source, where a build has put them. */
function builtFolder(): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const beside = join(here, 'web')
  return existsSync(beside) ? beside : join(here, '..', '..', 'dist', 'dashboard', 'web')
}
