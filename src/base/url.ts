/** The scheme of a URL in small letters, without its colon; undefined where it has none. */
export function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
}

/** Which memory a `memory://<name>` URL means: default `lovage`. */
export function memoryName(url: string): string {
  const path = url.slice('memory:'.length).replace(/^\/+/, '')
  return path.replace(/[/?#].*$/s, '') || 'lovage'
}
