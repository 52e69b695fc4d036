/** The message of anything thrown, in one line. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && !thrown.message) return thrown.errors.map(messageOf).join('; ')
  const text = thrown instanceof Error ? thrown.message || thrown.name : textOf(thrown)
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim()
}

/** A template with `{name}` replaced by the value of that name; a name without a value stays as it is. */
export function fill(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? textOf(values[name]) : whole,
  )
}

/** `String`, for values too that have no text of their own: an error must never be lost to the making of its message. */
function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
