/** A URL, or several as Celery lists them, with passwords, and whatever a query could hide, replaced: fit for logs and errors. */
export function redactUrl(urls: string): string {
  return urls
    .split(/(?<=@[^;]*);(?=[a-z][a-z0-9+.-]*:\/\/)/i)
    .map(redactOne)
    .join(';')
}

function redactOne(url: string): string {
  const proper = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#]*@/i
  // A password with a raw slash makes no valid URL, and is a password all the same.
  const improper = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):.*@/is
  return url
    .replace(proper.test(url) ? proper : improper, '$1:***@')
    .replace(/([?&][^=&#]*(?:pass|secret|token|key)[^=&#]*=)[^&#]*/gi, '$1***')
}
